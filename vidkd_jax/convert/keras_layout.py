"""Keras' .h5 files of TY's released networks: layers known by their order only.

Keras numbers the layers of a kind as they are made (`conv3d_20`, `conv3d_21`, ...: a network made
after another does not start at 0), and stores them by depth in the graph. There a block's shortcut
and its last convolution are level and stand in either order; in the 50-layer network's first block
their shapes are the same, too. So the numbers decide: the shortcut is made last, for it needs the
shape that the rest of the block has.
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
    """Returns the arrays of each layer that has any, in the order of the file.

    Takes files of `model.save_weights` and of `model.save`.

    Raises:
      KeyError: it is no file of Keras 2.
    """
    import h5py  # an extra

    with h5py.File(path) as file:
        group = file.get("model_weights", file)
        layers = {
            name: {
                key.split("/")[-1].split(":")[0]: np.asarray(group[name][key], np.float32)
                for key in map(_text, group[name].attrs["weight_names"])
            }
            for name in map(_text, group.attrs["layer_names"])
        }
    return {name: arrays for name, arrays in layers.items() if arrays}


def name_layers(
    layers: Layers, variables: Variables, head: str, *, source: str
) -> dict[str, np.ndarray]:
    """Returns the arrays by the names that `public_names.fill` wants.

    Args:
      layers: as read.
      variables: of the network; the alphabet of its modules is the order in which they are made.
      head: the classifier's name.
      source: of the layers, for messages.

    Raises:
      InputError: the network has another number of layers of a kind.
    """
    ours = _by_kind({name: leaf.ndim for name, leaf in _weights(variables, head).items()})
    theirs = _by_kind({name: _rank(arrays) for name, arrays in _in_order_made(layers).items()})
    named: dict[str, np.ndarray] = {}
    if other := [name for rank in set(theirs) - set(_KINDS) for name in theirs[rank]]:
        raise InputError(f"{source}: has a layer '{other[0]}'; is it of another model?")
    for rank, kind in _KINDS.items():
        found, wanted = theirs.get(rank, []), sorted(ours[rank])
        if len(found) != len(wanted):
            raise InputError(
                f"{source}: has {len(found)} {kind}, the network {len(wanted)}; "
                "is it of another model?"
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

    return {name: layers[name] for name in sorted(layers, key=number)}


def _rank(arrays: Mapping[str, np.ndarray]) -> int:
    """Returns the rank of a layer's weight; 0 of a kind of layer that the networks do not have."""
    if not set(arrays) <= set(_LEAVES):
        return 0
    return next((array.ndim for leaf, array in arrays.items() if _LEAVES[leaf] == "weight"), 0)


def _weights(variables: Variables, head: str) -> dict[str, np.ndarray]:
    """Returns each module's kernel or scale."""
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
