"""From a checkpoint's arrays into a network: by public name, and never silently in part."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from vidkd_jax.errors import InputError, first_of
from vidkd_jax.networks.network import Variables

_LEAVES = {  # in PyTorch; others keep their name
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_SHOWN = 3  # names in a message


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of a checkpoint's tensors, by public name.

    Attributes:
      loaded: taken over.
      skipped: not of this network, or of a head that starts afresh.
      initialised: of the network's heads, with the reason why they start afresh.
    """

    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    initialised: Mapping[str, str]

    def lines(self) -> list[str]:
        """Returns what people must know, in lines."""
        lines = [f"loaded {len(self.loaded)} tensors"]
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)}: {', '.join(self.skipped)}")
        lines += [f"initialised {name}: {why}" for name, why in self.initialised.items()]
        return lines


def by_public_name(variables: Variables, *, head: str) -> dict[str, Any]:
    """Returns every leaf by the name that public checkpoints give it.

    Flax modules bear the public names, so this is the path in the backbone joined by dots; the
    classifier `logits` is called `head` there.
    """
    flat = flatten_dict(variables.as_dict())
    return {_public_name(path, head): leaf for path, leaf in flat.items()}


def fill(
    variables: Variables,
    arrays: Mapping[str, np.ndarray],
    *,
    head: str,
    source: str,
    anew: Mapping[str, str] | None = None,
) -> tuple[Variables, Report]:
    """Returns the variables with their values taken from `arrays`, and what became of each.

    The backbone must be there completely. A head that is not there, or is for another number of
    classes, stays as it is.

    Args:
      variables: of the network; all leaves have a shape.
      arrays: by public name, in Flax's layout.
      head: the classifier's public name.
      source: of the arrays, for messages.
      anew: layers of heads that start afresh whatever is there, and why; None: none.

    Raises:
      InputError: tensors of the backbone are missing, of another shape, or unknown: the arrays are
        another network's. Or a tensor of the network holds no weights: integers, as of a quantised
        checkpoint, numbers that are not finite, or variances below 0.
    """
    flat = flatten_dict(variables.as_dict())
    names = {path: _public_name(path, head) for path in flat}
    backbone = {name: flat[path] for path, name in names.items() if path[1] == "backbone"}
    heads = {name: flat[path] for path, name in names.items() if path[1] != "backbone"}
    skipped = tuple(name for name in arrays if name not in backbone and name not in heads)
    _check_backbone(backbone, arrays, skipped, source)
    initialised = {**(anew or {}), **_initialised(heads, arrays, head, source)}
    loaded = tuple(name for name in names.values() if name.rpartition(".")[0] not in initialised)
    _check_types({name: arrays[name] for name in loaded}, source)
    with np.errstate(over="ignore"):  # a number that is too large is found below
        filled = {
            path: flat[path] if name not in loaded else np.asarray(arrays[name], np.float32)
            for path, name in names.items()
        }
    skipped += tuple(name for name in heads if name in arrays and name not in loaded)
    _check_finite({name: filled[path] for path, name in names.items() if name in loaded}, source)
    whole = {"batch_stats": {}, **unflatten_dict(filled)}  # a network may have no norms
    return Variables(**whole), Report(loaded, skipped, initialised)


def _public_name(path: tuple[str, ...], head: str) -> str:
    _, place, *modules, leaf = path
    if place != "backbone":
        modules = [head if place == "logits" else place]
    return ".".join([*modules, _LEAVES.get(leaf, leaf)])


def _check_backbone(
    wanted: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    skipped: Iterable[str],
    source: str,
) -> None:
    """Refuses what would be a part of the network, or a part of another one."""
    wrong = [
        f"{name} is missing"
        if name not in arrays
        else f"{name} is {arrays[name].shape}, not {leaf.shape}"
        for name, leaf in wanted.items()
        if name not in arrays or arrays[name].shape != leaf.shape
    ]
    if wrong:
        raise InputError(
            f"{source}: {len(wrong)} of the backbone's {len(wanted)} tensors do not fit "
            f"({first_of(wrong, _SHOWN)}); are model, width and input channels those of the "
            "weights?"
        )
    stages = {_stage(name) for name in wanted}
    if unknown := [name for name in skipped if _stage(name) in stages]:
        raise InputError(
            f"{source}: holds {len(unknown)} tensors that this backbone does not have "
            f"({first_of(unknown, _SHOWN)}); is it of another model?"
        )


def _check_types(arrays: Mapping[str, np.ndarray], source: str) -> None:
    """Refuses what is not weights, such as the integers of a quantised network without scales."""
    types = {name: array.dtype for name, array in arrays.items()}
    if wrong := [n for n, dtype in types.items() if not jnp.issubdtype(dtype, jnp.floating)]:
        raise InputError(
            f"{source}: {len(wrong)} tensors hold {types[wrong[0]]}, not floating-point numbers "
            f"({first_of(wrong, _SHOWN)}); use the checkpoint from before it was quantised or "
            "changed"
        )


def _check_finite(loaded: Mapping[str, np.ndarray], source: str) -> None:
    """Refuses weights with which a network could only answer NaN."""
    if wrong := [name for name, array in loaded.items() if not np.isfinite(array).all()]:
        raise InputError(
            f"{source}: {len(wrong)} tensors hold NaN or infinity "
            f"({first_of(wrong, _SHOWN)}): their training "
            "failed, or the file is damaged; use another checkpoint"
        )
    variances = {n: array for n, array in loaded.items() if n.endswith(".running_var")}
    if wrong := [name for name, array in variances.items() if (array < 0).any()]:
        raise InputError(
            f"{source}: {len(wrong)} tensors hold variances below 0 "
            f"({first_of(wrong, _SHOWN)}): the file is "
            "damaged, or they are something else; use another checkpoint"
        )


def _stage(name: str) -> str:
    """Returns the first part of a public name, "layer" of "layer4.2.conv1.weight"."""
    return re.sub(r"\d+", "", name.split(".")[0])


def _initialised(
    heads: Mapping[str, Any], arrays: Mapping[str, np.ndarray], head: str, source: str
) -> dict[str, str]:
    """Returns the heads that start afresh, and why.

    Raises:
      InputError: the classes agree, but not the features: the clips are of another length.
    """
    reasons: dict[str, str] = {}
    for name, leaf in heads.items():
        module = name.rpartition(".")[0]
        if name not in arrays:
            reasons[module] = f"{name} is not in the checkpoint"
        elif arrays[name].shape[-1:] != leaf.shape[-1:]:
            reasons[module] = _other_classes(arrays[name].shape, leaf.shape)
        elif arrays[name].shape != leaf.shape and module != head:
            reasons[module] = f"{name} is {arrays[name].shape} in the checkpoint, {leaf.shape} here"
        elif arrays[name].shape != leaf.shape:
            raise InputError(
                f"{source}: {name} is {arrays[name].shape}, not {leaf.shape}; "
                "is the number of frames that of the weights?"
            )
    fresh = {module.partition(".")[0] for module in reasons}
    for module in {name.rpartition(".")[0] for name in heads} - reasons.keys():
        if module.partition(".")[0] in fresh:  # a head of two layers starts afresh as a whole
            reasons[module] = "the head's other layer does"
    return reasons


def _other_classes(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if not found:
        return "a single number in the checkpoint"
    return f"{found[-1]} classes in the checkpoint, {wanted[-1]} here"
