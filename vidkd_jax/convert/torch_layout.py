"""Converts between PyTorch's state_dict and Flax's variables.

Flax modules have the names of the public checkpoints, so no family needs a table of names. Only the
axes of the kernels differ.
"""

from collections.abc import Mapping

import numpy as np

from vidkd_jax.convert.inflation import inflate
from vidkd_jax.networks.network import Variables
from vidkd_jax.networks.public_names import Report, by_public_name, fill

# Permutations of axes by rank: PyTorch's (O, I, D, H, W), (O, I, H, W) and (O, I) become Flax's
# (D, H, W, I, O), (H, W, I, O) and (I, O).
_TO_FLAX = {5: (2, 3, 4, 1, 0), 4: (2, 3, 1, 0), 2: (1, 0)}


def from_torch(
    state: Mapping[str, np.ndarray],
    variables: Variables,
    head: str,
    *,
    source: str = "the state_dict",
) -> tuple[Variables, Report]:
    """Returns the variables with the values of a PyTorch state_dict, and a report.

    Args:
      state: Arrays by name, as in `model.state_dict()`. Counters of batches are dropped.
      variables: The variables of the network. Leaves of heads that the checkpoint lacks keep their
        values; no other leaf may be missing. Leaves may be `jax.ShapeDtypeStruct`.
      head: Name of the classifier in the checkpoint, `Backbone.head`.
      source: Where the state is from, for messages.

    Raises:
      InputError: Tensors of the backbone are missing, have other shapes, or belong to another
        network.
    """
    wanted = by_public_name(variables, head=head)
    arrays = inflate(to_flax(state), wanted, over_time=False)
    return fill(variables, arrays, head=head, source=source)


def to_flax(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays in Flax's layout, under the same names, without counters of batches."""
    return {
        name: np.transpose(array, _TO_FLAX[array.ndim]) if array.ndim in _TO_FLAX else array
        for name, array in state.items()
        if not name.endswith("num_batches_tracked")
    }


def to_torch(variables: Variables, head: str) -> dict[str, np.ndarray]:
    """Returns the arrays under PyTorch's names and in its layout; the inverse of `from_torch`."""
    named = {name: np.asarray(leaf) for name, leaf in by_public_name(variables, head=head).items()}
    return {
        name: np.transpose(array, np.argsort(_TO_FLAX[array.ndim]))
        if array.ndim in _TO_FLAX
        else array
        for name, array in named.items()
    }
