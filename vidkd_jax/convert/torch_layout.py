"""Brings the arrays of a PyTorch state_dict into Flax's layout.

Flax modules have the names of the public checkpoints, so no family needs a table of names. Only the
axes of the kernels differ.
"""

from collections.abc import Mapping

import numpy as np

# Permutations of axes by rank: PyTorch's (O, I, D, H, W), (O, I, H, W) and (O, I) become Flax's
# (D, H, W, I, O), (H, W, I, O) and (I, O).
TO_FLAX = {5: (2, 3, 4, 1, 0), 4: (2, 3, 1, 0), 2: (1, 0)}


def to_flax(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays in Flax's layout, under the same names, without counters of batches."""
    return {
        name: np.transpose(array, TO_FLAX[array.ndim]) if array.ndim in TO_FLAX else array
        for name, array in state.items()
        if not name.endswith("num_batches_tracked")
    }
