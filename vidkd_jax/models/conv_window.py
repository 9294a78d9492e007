"""3D convolution on CPU as a 2D one over windows of frames, for networks with many channels.

The frames that an output frame sees lie side by side in the channels: [b * t', h, w, kt * c_in].
XLA's CPU backend runs the 2D convolution near the machine's peak (100 GFLOP/s on one core of an
AMD EPYC 9004) and 3D ones at 5 to 20 GFLOP/s, their strided input gradients below 1.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vidkd_jax.models.conv_geometry import Geometry, conv2d, materialise


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """The convolution, and its input written to memory once, for `backward`."""
    x = materialise(x, kernel)
    return _apply(x, kernel, geometry), x


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Gradients of the convolution in its input and its kernel; `x` as `forward` returned it."""
    _, gradients = jax.vjp(lambda x, kernel: _apply(x, kernel, geometry), x, kernel)
    return gradients(materialise(dy, kernel))


def _apply(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """[b, t, h, w, c_in] -> [b, t', h', w', c_out]."""
    b, t, h, w, _ = x.shape
    kernel_t, kh, kw, _, c_out = kernel.shape
    stride, before = geometry.strides[0], geometry.padding[0][0]
    frames = geometry.out_frames(t, kernel_t)
    # Taps that see nothing but padding are left out: two of three where there is one frame.
    seen = np.arange(kernel_t)[:, None] - before + stride * np.arange(frames)
    taps = np.flatnonzero(((seen >= 0) & (seen < t)).any(axis=1)).tolist() or [0]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (*geometry.padding[0], 0)] + [(0, 0, 0)] * 3)
    last = stride * (frames - 1) + 1
    shifted = [lax.slice_in_dim(x, d, d + last, stride, axis=1) for d in taps]
    windows = shifted[0] if len(taps) == 1 else jnp.concatenate(shifted, axis=-1)
    kernel = jnp.stack([kernel[d] for d in taps], axis=2)  # [kh, kw, taps, c_in, c_out]
    y = conv2d(windows.reshape(b * frames, h, w, -1), kernel.reshape(kh, kw, -1, c_out), geometry)
    return y.reshape(b, frames, *y.shape[1:])
