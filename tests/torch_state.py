"""Moves weights between Flax's variables and a PyTorch state_dict, as `convert` does one way."""

import numpy as np

from vidkd_jax.convert.inflation import inflate
from vidkd_jax.convert.torch_layout import TO_FLAX, to_flax
from vidkd_jax.networks.public_names import by_public_name, fill


def from_torch(state, variables, head):
    """Returns the variables with the values of a state_dict, and a report."""
    wanted = by_public_name(variables, head=head)
    arrays = inflate(to_flax(state), wanted, over_time=False)
    return fill(variables, arrays, head=head, source="the state_dict")


def to_torch(variables, head):
    """Returns the arrays under PyTorch's names and in its layout; the inverse of `from_torch`."""
    named = {name: np.asarray(leaf) for name, leaf in by_public_name(variables, head=head).items()}
    return {
        name: np.transpose(array, np.argsort(TO_FLAX[array.ndim]))
        if array.ndim in TO_FLAX
        else array
        for name, array in named.items()
    }
