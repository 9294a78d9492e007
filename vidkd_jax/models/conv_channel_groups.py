"""3D convolution on CPU with groups of channels that are convolved separately.

XLA's CPU backend (jaxlib 0.10) computes a grouped convolution at 0.3 GFLOP/s on one core of an AMD
EPYC 9004. Here groups are joined until they have enough channels for a dense convolution, with
zeros between the groups: 14 to 24 times faster on the shapes of ResNeXt-101. Groups of one channel
are `conv_depthwise`'s.
"""

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.models import conv_taps
from vidkd_jax.models.conv_geometry import Geometry, with_xla_gradients

_ENOUGH = 32  # channels from which XLA's 2D convolution runs near the peak of the machine


def _apply(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """[b, t, h, w, c_in], [kt, kh, kw, c_in / groups, c_out] -> [b, t', h', w', c_out]."""
    groups, c_in, c_out = geometry.groups, kernel.shape[3], kernel.shape[4] // geometry.groups
    together = -(-_ENOUGH // c_in)
    outputs = []
    for first in range(0, groups, together):
        last = min(first + together, groups)
        dense = _dense(kernel[..., first * c_out : last * c_out], last - first)
        outputs.append(conv_taps.apply(x[..., first * c_in : last * c_in], dense, geometry))
    return jnp.concatenate(outputs, axis=-1)


def _dense(kernel: jax.Array, groups: int) -> jax.Array:
    """[.., c_in, groups * c_out] -> [.., groups * c_in, groups * c_out], zero between groups."""
    *taps, c_in, c_out = kernel.shape
    grouped = kernel.reshape(*taps, c_in, groups, c_out // groups)
    dense = jnp.einsum("dhwigo,jg->dhwjigo", grouped, np.eye(groups, dtype=np.float32))
    return dense.reshape(*taps, groups * c_in, c_out)


forward, backward = with_xla_gradients(_apply)
