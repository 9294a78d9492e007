"""2D convolution of few channels on CPU: neighbouring columns lie side by side in the channels.

XLA's CPU backend (jaxlib 0.10) runs a 2D convolution of more than 16 channels at 100 GFLOP/s on one
core of an AMD EPYC 9004, one of 16 at 50 and one of 8 at 20. Columns taken together in groups of
two (16 channels) or three (8) cost 1.3 or 2 times the products and gain more.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vidkd_jax.models.conv_geometry import Pair

_TOO_FEW = 16


def conv2d_grouped(x: jax.Array, kernel: jax.Array, padding: tuple[Pair, Pair]) -> jax.Array:
    """Convolves images [n, h, w, c_in] with [kh, kw, c_in, c_out] at stride 1."""
    kh, kw, c_in, c_out = kernel.shape
    group = _TOO_FEW // max(c_in, c_out) + 1
    if group == 1 or kw == 1:
        return _conv2d(x, kernel, padding)
    (before, after), width = padding[1], x.shape[2]
    out_width = width + before + after - kw + 1
    out_groups = -(-out_width // group)
    group_taps = -(-(group + kw - 1) // group)
    full = (out_groups + group_taps - 1) * group
    x = lax.pad(
        x,
        jnp.zeros((), x.dtype),
        [(0, 0, 0), (0, 0, 0), (before, full - width - before, 0), (0, 0, 0)],
    )
    # Tap k takes column a of the group j further on to column s.
    k, j, a, s = np.ogrid[:kw, :group_taps, :group, :group]
    band = (j * group + a == s + k).astype(np.float32)
    banded = jnp.einsum("hwio,wjas->hjaiso", kernel, band)
    banded = banded.reshape(kh, group_taps, group * c_in, group * c_out)
    y = _conv2d(x.reshape(*x.shape[:2], -1, group * c_in), banded, (padding[0], (0, 0)))
    return y.reshape(*y.shape[:2], -1, c_out)[:, :, :out_width]


def _conv2d(x: jax.Array, kernel: jax.Array, padding: tuple[Pair, Pair]) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
