"""PyTorch's state_dict and Flax's variables: one naming rule, and the axes of the kernels.

Flax modules bear the names of the public checkpoints, so that no family needs a table of its own.
"""

from collections.abc import Mapping

import numpy as np

from vidkd_jax.convert.inflation import inflate
from vidkd_jax.networks.network import Variables
from vidkd_jax.networks.public_names import Report, by_public_name, fill

# By rank: PyTorch's (O, I, D, H, W), (O, I, H, W), (O, I) -> Flax's (D, H, W, I, O) and so on.
_TO_FLAX = {5: (2, 3, 4, 1, 0), 4: (2, 3, 1, 0), 2: (1, 0)}


def from_torch(
    state: Mapping[str, np.ndarray],
    variables: Variables,
    head: str,
    *,
    source: str = "the state_dict",
) -> tuple[Variables, Report]:
    """Returns the variables with the values of a PyTorch state_dict, and what became of each.

    Args:
      state: array by name, as `model.state_dict()` has them; counters of batches are dropped.
      variables: of the network; leaves that the checkpoint does not hold (those of heads, nothing
        else may be missing) stay as they are. Leaves may be `jax.ShapeDtypeStruct`.
      head: the classifier's name in the checkpoint, `Backbone.head`.
      source: of the state, for messages.

    Raises:
      InputError: the backbone's tensors are missing, of other shapes, or of another network.
    """
    wanted = by_public_name(variables, head=head)
    arrays = inflate(to_flax(state), wanted, over_time=False)
    return fill(variables, arrays, head=head, source=source)


def to_flax(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays in Flax's layout, still under their names, without counters of batches."""
    return {
        name: np.transpose(array, _TO_FLAX[array.ndim]) if array.ndim in _TO_FLAX else array
        for name, array in state.items()
        if not name.endswith("num_batches_tracked")
    }


def to_torch(variables: Variables, head: str) -> dict[str, np.ndarray]:
    """Returns the arrays under PyTorch's names and in its layout: the inverse of `from_torch`."""
    named = {name: np.asarray(leaf) for name, leaf in by_public_name(variables, head=head).items()}
    return {
        name: np.transpose(array, np.argsort(_TO_FLAX[array.ndim]))
        if array.ndim in _TO_FLAX
        else array
        for name, array in named.items()
    }
