"""Max-pooling whose gradient is fast on CPUs, too."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

_UNPADDED = ((0, 0), (0, 0), (0, 0))


def max_pool(
    x: jax.Array,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]] = _UNPADDED,
) -> jax.Array:
    """Returns the largest value of each window; among equal ones the first has the gradient.

    XLA's CPU backend computes the gradient of a pool number by number, which took a quarter of a
    step of PCL with a narrow C3D. There it is computed axis by axis, with the same result.

    Args:
      x: [b, t, h, w, c].
      window: size along t, h and w.
      strides: likewise.
      padding: with minus infinity, (before, after) along t, h and w.
    """
    by_axis = partial(_by_axis, window=window, strides=strides, padding=padding)
    at_once = partial(nn.max_pool, window_shape=window, strides=strides, padding=padding)
    return lax.platform_dependent(x, cpu=by_axis, default=at_once)


def _by_axis(
    x: jax.Array,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> jax.Array:
    """Pools along w, then h, then t, so that the first in memory is chosen among equals."""
    for axis in (3, 2, 1):
        x = _along(x, axis, window[axis - 1], strides[axis - 1], padding[axis - 1])
    return x


def _along(
    x: jax.Array, axis: int, window: int, stride: int, padding: tuple[int, int]
) -> jax.Array:
    """Pools along one axis, by reshaping it to blocks of the stride's length."""
    if window == stride == 1:
        return x
    before, after = padding
    length = (x.shape[axis] + before + after - window) // stride + 1
    blocks = length + (window - 1) // stride
    edges = [(0, 0, 0)] * x.ndim
    edges[axis] = (before, blocks * stride - x.shape[axis] - before, 0)  # cuts what no window sees
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), edges)
    x = x.reshape(*x.shape[:axis], blocks, stride, *x.shape[axis + 1 :])
    places = [divmod(offset, stride) for offset in range(window)]
    seen = (
        lax.index_in_dim(
            lax.slice_in_dim(x, block, block + length, axis=axis), place, axis + 1, keepdims=False
        )
        for block, place in places
    )
    largest = next(seen)
    for each in seen:
        keep = (largest >= each) | jnp.isnan(largest)  # a NaN stays, wherever it is
        largest = jnp.where(keep, largest, each)
    return largest
