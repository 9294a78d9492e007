"""Inflates 2D kernels for 3D networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def inflate(
    arrays: Mapping[str, np.ndarray], wanted: Mapping[str, Any], *, over_time: bool
) -> dict[str, np.ndarray]:
    """Repeats 2D kernels over time and divides them by the number of repeats.

    For a clip that repeats one image, the 3D network then gives the output of the 2D network for
    the image, except at the ends of the clip, where 3D convolutions are padded with zeros (Carreira
    and Zisserman 2017, section 2.4).

    Args:
      arrays: Arrays by public name, in Flax's layout: kernels [h, w, c_in, c_out].
      wanted: The network's leaves by public name: kernels [t, h, w, c_in, c_out].
      over_time: Whether to inflate kernels to t > 1. Kernels are always inflated to t = 1, which
        does not change their values.
    """

    def inflated(name: str, array: np.ndarray) -> np.ndarray:
        if array.ndim != 4 or name not in wanted or len(wanted[name].shape) != 5:
            return array
        frames = wanted[name].shape[0]
        if frames > 1 and not over_time:
            return array
        return np.repeat(array[None] / frames, frames, axis=0)

    return {name: inflated(name, array) for name, array in arrays.items()}
