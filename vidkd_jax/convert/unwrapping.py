"""Removes what training scripts save around the tensors of a network."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from vidkd_jax.errors import InputError

# The keys under which training scripts save the network, beside epoch and optimiser. 3D-ResNets,
# MARS and Efficient-3DCNNs use the first key, IIC uses the second, PyTorchVideo the last.
_ENVELOPES = ("state_dict", "model", "model_state_dict", "model_state")
# The prefixes of DataParallel; of PCLNet and VCOPN; of mmaction2; of tsn-pytorch and TSM.
_PREFIXES = ("module.", "base_network.", "backbone.", "base_model.")
# The r18 of PCL and IIC is torchvision's network in a Sequential, without the classifier.
_SEQUENTIAL = {str(i): name for i, name in enumerate(["stem", *(f"layer{n}" for n in range(1, 5))])}
_TSN_HEAD = re.compile(r"^(module\.)?new_fc\.")
# mmaction2 puts each convolution and its norm into a module of their own.
_MMACTION = (
    (r"^cls_head\.fc_cls\.", "backbone.fc."),
    (r"\bconv(\d)\.conv\.", r"conv\1."),
    (r"\bconv(\d)\.bn\.", r"bn\1."),
    (r"\bdownsample\.conv\.", "downsample.0."),
    (r"\bdownsample\.bn\.", "downsample.1."),
)


def unwrap(saved: Any, source: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Returns the arrays of the network by public name, and the names of everything else.

    Args:
      saved: The content of the file: arrays by name, possibly inside other dictionaries.
      source: The file, for messages.

    Raises:
      InputError: There are no arrays.
    """
    state = _open_envelopes(saved)
    if not isinstance(state, Mapping):
        raise InputError(
            f"{source}: holds {_kind(state)}, not tensors by name; give a file with a state_dict"
        )
    arrays = {
        name: value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, np.ndarray)
    }
    if not arrays:
        found = ", ".join(sorted(map(str, state))[:5]) or "nothing"
        raise InputError(
            f"{source}: holds no tensors by name, but only {found}; give a file with a state_dict"
        )
    outside = [str(name) for name in state if name not in arrays]
    if any(name.startswith("cls_head.") for name in arrays):
        arrays = {_from_mmaction(name): array for name, array in arrays.items()}
    # tsn-pytorch puts the classifier beside the network, "base_model".
    arrays = {_TSN_HEAD.sub(r"\1base_model.fc.", name): array for name, array in arrays.items()}
    while prefix := next((p for p in _PREFIXES if any(n.startswith(p) for n in arrays)), None):
        outside += [name for name in arrays if not name.startswith(prefix)]
        arrays = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
    if {name.split(".")[0] for name in arrays} == {*_SEQUENTIAL}:
        arrays = {
            ".".join([_SEQUENTIAL[name.split(".")[0]], *name.split(".")[1:]]): array
            for name, array in arrays.items()
        }
    return arrays, tuple(outside)


def below_prefix(
    arrays: Mapping[str, np.ndarray], wanted: Collection[str], source: str
) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the prefix under which a network is, and the arrays below it.

    A training script's own module calls the network as it likes, such as "model." in PyTorch
    Lightning, or "student.encoder.". The prefix is "", and the arrays are all of them, where most
    of the network is there without one, or nowhere.

    Args:
      arrays: By name.
      wanted: Public names of the backbone's tensors.
      source: The file, for messages.

    Raises:
      InputError: Several networks of these names are there.
    """
    found = Counter(
        name[:start]
        for name in arrays
        for start in (0, *(dot.end() for dot in re.finditer(r"\.", name)))
        if name[start:] in wanted
    )
    most = max(found.values(), default=0)
    prefixes = [prefix for prefix, count in found.items() if count == most]
    if "" in prefixes or 2 * most <= len(wanted):
        return "", dict(arrays)
    if len(prefixes) > 1:
        raise InputError(
            f"{source}: holds several such networks, under {' and '.join(map(repr, prefixes))}; "
            "give a file with the one that you want alone"
        )
    (prefix,) = prefixes
    below = (name for name in arrays if name.startswith(prefix))
    return prefix, {name.removeprefix(prefix): arrays[name] for name in below}


def is_mmaction(saved: Any) -> bool:
    """Whether the content of a file has the names that mmaction2 gives to a whole recogniser."""
    state = _open_envelopes(saved)
    names = [str(name).removeprefix("module.") for name in state]
    return any(name.startswith(("backbone.", "cls_head.")) for name in names)


def _from_mmaction(name: str) -> str:
    for pattern, plain in _MMACTION:
        name = re.sub(pattern, plain, name)
    return name


def _open_envelopes(saved: Any) -> Any:
    """Returns the innermost dictionary, or what is there instead of one."""
    while isinstance(saved, Mapping):
        inner = (saved[name] for name in _ENVELOPES if isinstance(saved.get(name), Mapping))
        if (opened := next(inner, None)) is None:
            return saved
        saved = opened
    return saved


def _kind(value: Any) -> str:
    """Describes what is no dictionary, for a message."""
    if isinstance(value, np.ndarray):
        return f"a single tensor of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)} entries"
    return f"an object of type {type(value).__name__}"
