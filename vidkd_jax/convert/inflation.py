"""2D weights into 3D networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def inflate(
    arrays: Mapping[str, np.ndarray], wanted: Mapping[str, Any], *, over_time: bool
) -> dict[str, np.ndarray]:
    """Repeats 2D kernels over time and divides them by its length, so that means are preserved.

    A clip of one image, repeated, then gives what the 2D network gives for the image, but at the
    ends, where 3D convolutions see zeros (Carreira and Zisserman 2017, section 2.2).

    Args:
      arrays: by public name, in Flax's layout: kernels [h, w, c_in, c_out].
      wanted: the network's leaves, by public name: kernels [t, h, w, c_in, c_out].
      over_time: whether to inflate to t > 1; to t = 1, where nothing changes, it always does.
    """

    def inflated(name: str, array: np.ndarray) -> np.ndarray:
        if array.ndim != 4 or name not in wanted or len(wanted[name].shape) != 5:
            return array
        frames = wanted[name].shape[0]
        if frames > 1 and not over_time:
            return array
        return np.repeat(array[None] / frames, frames, axis=0)

    return {name: inflated(name, array) for name, array in arrays.items()}
