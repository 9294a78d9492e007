"""Stems on CPU, seven taps over time on few channels: Winograd's filtering of pairs of frames.

Two neighbouring frames become one of twice the channels, so that seven taps become five, of banded
kernels, and the 2D convolutions have channels enough for XLA's CPU backend; `conv_winograd` then
takes eight products for four pairs instead of twenty.
"""

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.models import conv_winograd
from vidkd_jax.models.conv_geometry import Geometry

_FRAMES = 2  # in a block
_TAPS = 5  # blocks that a block sees, of seven taps padded by three


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """The convolution (seven taps, padding 3 and stride 1 over time), and its input for reuse."""
    y, blocks = conv_winograd.forward(_block_input(x), _block_kernel(kernel), _over(geometry))
    return _unblock(y, x.shape[1]), _unblock_input(blocks, x.shape[1])


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Gradients of the convolution in its input and its kernel; `x` as `forward` returned it."""
    block_kernel, kernel_gradient = jax.vjp(_block_kernel, kernel)
    dx, dk = conv_winograd.backward(
        _block_input(x), block_kernel, _block_output(dy), _over(geometry)
    )
    return _unblock_input(dx, x.shape[1]), kernel_gradient(dk)[0]


def _over(geometry: Geometry) -> Geometry:
    """The geometry of the convolution of blocks."""
    return Geometry(geometry.strides, ((_TAPS // 2, _TAPS // 2), *geometry.padding[1:]))


def _pair(x: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, frames, h, w, c]."""
    b, t, *rest = x.shape
    x = jnp.pad(x, ((0, 0), (0, -t % _FRAMES), (0, 0), (0, 0), (0, 0)))
    return x.reshape(b, -1, _FRAMES, *rest)


def _block_input(x: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, h, w, c * frames]: frames inside, faster to transpose."""
    blocks = _pair(x).transpose(0, 1, 3, 4, 5, 2)
    return blocks.reshape(*blocks.shape[:4], -1)


def _unblock_input(blocks: jax.Array, frames: int) -> jax.Array:
    """Turns `_block_input` back."""
    blocks = blocks.reshape(*blocks.shape[:4], -1, _FRAMES).transpose(0, 1, 5, 2, 3, 4)
    return blocks.reshape(blocks.shape[0], -1, *blocks.shape[3:])[:, :frames]


def _block_output(y: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, blocks, h, w, frames * c]."""
    blocks = _pair(y).transpose(0, 1, 3, 4, 2, 5)
    return blocks.reshape(*blocks.shape[:4], -1)


def _unblock(blocks: jax.Array, frames: int) -> jax.Array:
    """Turns `_block_output` back."""
    blocks = blocks.reshape(*blocks.shape[:4], _FRAMES, -1).transpose(0, 1, 4, 2, 3, 5)
    return blocks.reshape(blocks.shape[0], -1, *blocks.shape[3:])[:, :frames]


def _block_kernel(kernel: jax.Array) -> jax.Array:
    """[7, kh, kw, c_in, c_out] -> [5, kh, kw, c_in * frames, frames * c_out]."""
    taps, kh, kw, c_in, c_out = kernel.shape
    e, d, a, s = np.ogrid[:_TAPS, :taps, :_FRAMES, :_FRAMES]
    # Tap d takes frame a of the block e - 2 further on to frame s.
    band = ((e - _TAPS // 2) * _FRAMES + a == s + d - taps // 2).astype(np.float32)
    blocks = jnp.einsum("dhwio,edas->ehwiaso", kernel, band)
    return blocks.reshape(_TAPS, kh, kw, c_in * _FRAMES, _FRAMES * c_out)
