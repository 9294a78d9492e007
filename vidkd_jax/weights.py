"""Weights in a folder, and how they get into a network: by name, and never silently in part.

A folder is what `python -m vidkd_jax.convert` writes (`model.json` and `weights/`), or the workdir
of a finished run, whose best student counts.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from vidkd_jax import models
from vidkd_jax.checkpoints import load_variables, save_variables
from vidkd_jax.errors import InputError
from vidkd_jax.models import Normalisation
from vidkd_jax.network import Variables
from vidkd_jax.workdir import write_json

_LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_SHOWN = 3  # names in a message


@dataclasses.dataclass(frozen=True)
class Card:
    """What must be known of weights besides the weights.

    Attributes:
      model: name of the backbone.
      width: factor on its channels.
      in_channels: 3, or 2 for flow.
      num_classes: of the head `logits`.
      frames: of the clips; the classifiers of TY's networks depend on it.
      normalisation: of the input.
      stride: frames from one of a clip to the next.
      size: side of the input in pixels; 0: not known, whatever it gets.
      source: the file's name and its SHA-256; {} where a run is the source.
      class_names: by label; (): not known.
      dataset: that the weights were trained on; "": not known.
      split: number of its official split; 0: not known.
      records: `data.identity` of these; "": not known, or straight from video files.
    """

    model: str
    width: float
    in_channels: int
    num_classes: int
    frames: int
    normalisation: Normalisation
    stride: int = 1
    size: int = 0
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    dataset: str = ""
    split: int = 0
    records: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON of `model.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # lists for tuples

    @classmethod
    def from_json(cls, value: Any) -> "Card":
        """Returns the card; LookupError, TypeError or ValueError where that is none."""
        saved = value["normalisation"]
        normalisation = Normalisation(tuple(saved["mean"]), tuple(saved["std"]), saved["order"])
        class_names = tuple(value.get("class_names", ()))
        return cls(**{**value, "normalisation": normalisation, "class_names": class_names})


def network_of(card: Card, dtype: str = "float32") -> models.Recogniser:
    """Returns the network that the weights are of, which computes in `dtype`."""
    return models.create(
        card.model,
        card.num_classes,
        in_channels=card.in_channels,
        width=card.width,
        dtype=jnp.dtype(dtype),
        normalisation=card.normalisation,
    )


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of a checkpoint's tensors, by public name.

    Attributes:
      loaded: taken over.
      skipped: not of this network.
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


def save(folder: Path, card: Card, variables: Variables) -> None:
    """Writes a folder; the card comes last, so that a folder with a card is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    save_variables(folder / "weights", variables)
    write_json(folder / "model.json", card.as_json())


def load_card(folder: Path) -> Card:
    """Returns the card of a folder of `convert`, or of a finished run's workdir.

    Raises:
      InputError: it is neither.
    """
    if (folder / "model.json").is_file():
        return _read_card(folder / "model.json", lambda value: value)
    if (folder / "summary.json").is_file():
        return _read_card(folder / "summary.json", lambda value: value["network"])
    raise InputError(
        f"'{folder}' holds no weights; give a folder that `python -m vidkd_jax.convert` wrote, or "
        "the workdir of a finished run"
    )


def check_split(field: str, folder: Path, card: Card, *, dataset: str, split: int) -> None:
    """Refuses weights that learnt from videos which a run tests on.

    Args:
      field: of the config, that names the folder.
      folder: of the weights.
      card: theirs.
      dataset: of the run.
      split: number of its official split.

    Raises:
      InputError: they are of another split of the same data set.
    """
    if card.dataset == dataset and card.split not in (0, split):
        raise InputError(
            f"config.{field}: '{folder}' was trained on split {card.split} of {dataset}, which "
            f"holds test videos of split {split}; use one of split {split}"
        )


def load(folder: Path) -> tuple[Card, Variables]:
    """Returns card and variables, NumPy, of a folder of `convert` or a finished run's best student.

    Raises:
      InputError: it is neither, or is damaged.
    """
    card = load_card(folder)
    weights = folder / "weights"
    if not (folder / "model.json").is_file():
        best_epoch = json.loads((folder / "summary.json").read_text()).get("best_epoch")
        weights = folder / "checkpoints" / "best" / str(best_epoch)
    variables = load_variables(weights)
    if "peer" in variables.params:  # of two networks that taught each other
        variables = Variables(variables.params["student"], variables.batch_stats["student"])
    return card, variables


def digest(variables: Variables) -> str:
    """Returns a hash of a network's weights."""
    found = hashlib.sha256()
    for path, leaf in sorted(flatten_dict(variables.as_dict(), sep="/").items()):
        found.update(path.encode() + np.asarray(leaf).tobytes())
    return found.hexdigest()[:16]


def _read_card(path: Path, select: Any) -> Card:
    try:
        return Card.from_json(select(json.loads(path.read_text())))
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(
            f"'{path}' does not say which network it is of ({cause}); make it again"
        ) from error


def by_public_name(variables: Variables, *, head: str) -> dict[str, Any]:
    """Returns every leaf by the name that public checkpoints give it.

    Flax modules bear the public names, so this is the path in the backbone joined by dots; the
    classifier `logits` is called `head` there.
    """
    flat = flatten_dict(variables.as_dict())
    return {_public_name(path, head): leaf for path, leaf in flat.items()}


def fill(
    variables: Variables, arrays: Mapping[str, np.ndarray], *, head: str, source: str
) -> tuple[Variables, Report]:
    """Returns the variables with their values taken from `arrays`, and what became of each.

    The backbone must be there completely. A head that is not there, or is for another number of
    classes, stays as it is.

    Args:
      variables: of the network; all leaves have a shape.
      arrays: by public name, in Flax's layout.
      head: the classifier's public name.
      source: of the arrays, for messages.

    Raises:
      InputError: tensors of the backbone are missing, of another shape, or unknown: the arrays are
        another network's.
    """
    flat = flatten_dict(variables.as_dict())
    names = {path: _public_name(path, head) for path in flat}
    backbone = {name: flat[path] for path, name in names.items() if path[1] == "backbone"}
    heads = {name: flat[path] for path, name in names.items() if path[1] != "backbone"}
    skipped = tuple(name for name in arrays if name not in backbone and name not in heads)
    _check_backbone(backbone, arrays, skipped, source)
    initialised = _initialised(heads, arrays, source)
    filled = {
        path: flat[path]
        if name.rpartition(".")[0] in initialised
        else np.asarray(arrays[name], np.float32)
        for path, name in names.items()
    }
    loaded = tuple(name for name in names.values() if name.rpartition(".")[0] not in initialised)
    return Variables(**unflatten_dict(filled)), Report(loaded, skipped, initialised)


def _public_name(path: tuple[str, ...], head: str) -> str:
    _, place, *modules, leaf = path
    if place != "backbone":
        modules = [head if place == "logits" else place]
    return ".".join([*modules, _LEAVES[leaf]])


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
            f"({_some(wrong)}); are model, width and input channels those of the weights?"
        )
    stages = {_stage(name) for name in wanted}
    if unknown := [name for name in skipped if _stage(name) in stages]:
        raise InputError(
            f"{source}: holds {len(unknown)} tensors that this backbone does not have "
            f"({_some(unknown)}); is it of another model?"
        )


def _stage(name: str) -> str:
    """Returns the first part of a public name, "layer" of "layer4.2.conv1.weight"."""
    return re.sub(r"\d+", "", name.split(".")[0])


def _initialised(
    heads: Mapping[str, Any], arrays: Mapping[str, np.ndarray], source: str
) -> dict[str, str]:
    """Returns the heads that start afresh, and why.

    Raises:
      InputError: the classes agree, but not the features: the clips are of another length.
    """
    reasons: dict[str, str] = {}
    for name, leaf in heads.items():
        module = name.rpartition(".")[0]
        if name not in arrays:
            reasons[module] = "not in the checkpoint"
        elif arrays[name].shape[-1:] != leaf.shape[-1:]:
            (classes,) = arrays[name].shape[-1:] or (0,)
            reasons[module] = f"{classes} classes in the checkpoint, {leaf.shape[-1]} here"
        elif arrays[name].shape != leaf.shape:
            raise InputError(
                f"{source}: {name} is {arrays[name].shape}, not {leaf.shape}; "
                "is the number of frames that of the weights?"
            )
    return reasons


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
