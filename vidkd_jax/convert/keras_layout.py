"""Reads Keras .h5 files of TY's released networks, whose layers are known only by their order.

Keras numbers the layers of each kind in the order in which they are created (`conv3d_20`,
`conv3d_21`, ...; only the first network of a process starts at 0). It stores layers by their depth
in the graph. A block's shortcut and its last convolution have the same depth, so they are stored in
either order, and in the first block of the 50-layer network they even have the same shape.
Therefore this module uses the numbers: the shortcut is created last, because it needs the shape of
the rest of the block.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.networks.network import Variables
from vidkd_jax.networks.public_names import by_public_name

Layers = Mapping[str, Mapping[str, np.ndarray]]

_LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_KINDS = {5: "convolutions", 2: "dense layers", 1: "norms"}  # by the rank of a layer's weight


def read_layers(path: Path) -> Layers:
    """Returns the arrays of each layer, in the order of the file; many layers have none.

    Reads files of `model.save_weights` and of `model.save`.

    Raises:
      KeyError: The file was not written by Keras 2.
    """
    import h5py  # only installed with the extra 'convert'

    with h5py.File(path) as file:
        group = file.get("model_weights", file)
        return {
            name: {
                key.split("/")[-1].split(":")[0]: np.asarray(group[name][key], np.float32)
                for key in map(_text, group[name].attrs["weight_names"])
            }
            for name in map(_text, group.attrs["layer_names"])
        }


def has_pool(layers: Layers) -> bool:
    """Whether a network of TY's released code has the max-pool of those for 224x224 pixels."""
    return any(name.startswith("max_pooling3d") for name in layers)


def name_layers(
    layers: Layers, variables: Variables, head: str, *, source: str
) -> dict[str, np.ndarray]:
    """Returns the arrays under the names that `public_names.fill` expects.

    Args:
      layers: The result of `read_layers`.
      variables: The variables of the network. The alphabetical order of its modules is the order in
        which Keras creates the layers.
      head: Name of the classifier.
      source: Where the layers are from, for messages.

    Raises:
      InputError: The network has another number of layers of some kind.
    """
    ours = _by_kind({name: leaf.ndim for name, leaf in _weights(variables, head).items()})
    theirs = _by_kind({name: _rank(arrays) for name, arrays in _in_order_made(layers).items()})
    named: dict[str, np.ndarray] = {}
    if other := [name for rank in set(theirs) - set(_KINDS) for name in theirs[rank]]:
        raise InputError(
            f"{source}: has a layer '{other[0]}', which the network lacks; check --model"
        )
    for rank, kind in _KINDS.items():
        found, wanted = theirs.get(rank, []), sorted(ours[rank])
        if len(found) != len(wanted):
            raise InputError(
                f"{source}: has {len(found)} {kind}, but the network has {len(wanted)}; "
                "check --model"
            )
        for layer, module in zip(found, wanted, strict=True):
            named |= {f"{module}.{_LEAVES[leaf]}": array for leaf, array in layers[layer].items()}
    return named


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _in_order_made(layers: Layers) -> Layers:
    def number(name: str) -> int:
        found = re.search(r"_(\d+)$", name)
        return int(found[1]) if found else 0

    return {name: layers[name] for name in sorted(layers, key=number) if layers[name]}


def _rank(arrays: Mapping[str, np.ndarray]) -> int:
    """Returns the rank of a layer's weight; 0 for a kind of layer that the networks do not have."""
    if not set(arrays) <= set(_LEAVES):
        return 0
    return next((array.ndim for leaf, array in arrays.items() if _LEAVES[leaf] == "weight"), 0)


def _weights(variables: Variables, head: str) -> dict[str, np.ndarray]:
    """Returns the kernel or scale of each module."""
    return {
        name.removesuffix(".weight"): leaf
        for name, leaf in by_public_name(variables, head=head).items()
        if name.endswith(".weight")
    }


def _by_kind(ranks: Mapping[str, int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {rank: [] for rank in _KINDS}
    for name, rank in ranks.items():
        found.setdefault(rank, []).append(name)
    return found
