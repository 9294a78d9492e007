"""Stem convolutions on CPU (seven taps over time, few channels), by Winograd on pairs of frames.

Two neighbouring frames become one block with twice the channels. So seven taps over frames become
five taps over blocks, with banded kernels, and the 2D convolutions have enough channels to be fast
on XLA's CPU backend. `conv_winograd` then computes four blocks with eight products instead of
twenty.
"""

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.models import conv_winograd
from vidkd_jax.models.conv_geometry import Geometry

_FRAMES = 2  # frames in a block
_TAPS = 5  # input blocks that an output block depends on, with seven taps and padding 3


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """Returns the convolution (over time: seven taps, padding 3, stride 1) and the input again.

    `backward` takes the returned input, so that the blocks are computed only once.
    """
    y, blocks = conv_winograd.forward(_block_input(x), _block_kernel(kernel), _over(geometry))
    return _unblock(y, x.shape[1]), _unblock_input(blocks, x.shape[1])


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Returns the gradients with respect to input and kernel; `x` is the one `forward` returned."""
    block_kernel, kernel_gradient = jax.vjp(_block_kernel, kernel)
    dx, dk = conv_winograd.backward(
        _block_input(x), block_kernel, _block_output(dy), _over(geometry)
    )
    return _unblock_input(dx, x.shape[1]), kernel_gradient(dk)[0]


def _over(geometry: Geometry) -> Geometry:
    """Returns the geometry of the convolution over blocks."""
    return Geometry(geometry.strides, ((_TAPS // 2, _TAPS // 2), *geometry.padding[1:]))


def _pair(x: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, frames, h, w, c]."""
    b, t, *rest = x.shape
    x = jnp.pad(x, ((0, 0), (0, -t % _FRAMES), (0, 0), (0, 0), (0, 0)))
    return x.reshape(b, -1, _FRAMES, *rest)


def _block_input(x: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, h, w, c * frames]; this order is faster to transpose."""
    blocks = _pair(x).transpose(0, 1, 3, 4, 5, 2)
    return blocks.reshape(*blocks.shape[:4], -1)


def _unblock_input(blocks: jax.Array, frames: int) -> jax.Array:
    """Inverts `_block_input`."""
    blocks = blocks.reshape(*blocks.shape[:4], -1, _FRAMES).transpose(0, 1, 5, 2, 3, 4)
    return blocks.reshape(blocks.shape[0], -1, *blocks.shape[3:])[:, :frames]


def _block_output(y: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, h, w, frames * c]."""
    blocks = _pair(y).transpose(0, 1, 3, 4, 2, 5)
    return blocks.reshape(*blocks.shape[:4], -1)


def _unblock(blocks: jax.Array, frames: int) -> jax.Array:
    """Inverts `_block_output`."""
    blocks = blocks.reshape(*blocks.shape[:4], _FRAMES, -1).transpose(0, 1, 4, 2, 3, 5)
    return blocks.reshape(blocks.shape[0], -1, *blocks.shape[3:])[:, :frames]


def _block_kernel(kernel: jax.Array) -> jax.Array:
    """[7, kh, kw, c_in, c_out] -> [5, kh, kw, c_in * frames, frames * c_out]."""
    taps, kh, kw, c_in, c_out = kernel.shape
    e, d, a, s = np.ogrid[:_TAPS, :taps, :_FRAMES, :_FRAMES]
    # The band is 1 where tap d maps frame a of the block at offset e - 2 to frame s.
    band = ((e - _TAPS // 2) * _FRAMES + a == s + d - taps // 2).astype(np.float32)
    blocks = jnp.einsum("dhwio,edas->ehwiaso", kernel, band)
    return blocks.reshape(_TAPS, kh, kw, c_in * _FRAMES, _FRAMES * c_out)
