"""3D convolution on CPU with time folded into the channels, for networks with few channels.

A clip [b, t, h, w, c] becomes an image [b, h, w, t * c]. The kernel becomes a banded matrix from
the input frames to a tile of output frames. The zeros in the band cost up to 1.8 times the work.
They pay off: XLA's CPU backend runs 2D convolutions with more than 16 channels near the peak of the
machine (100 GFLOP/s on one core of an AMD EPYC 9004), and 3D convolutions at 5 GFLOP/s.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vidkd_jax.models.conv_geometry import (
    Geometry,
    conv2d,
    conv2d_kernel_gradient,
    materialise,
)


class Tile(NamedTuple):
    """Output frames [start, stop) and the input frames [low, high) that they depend on."""

    start: int
    stop: int
    low: int
    high: int
    band: np.ndarray  # [d, t, s]: 1 where tap d maps frame low + t to frame start + s


def tiles(frames: int, kernel_t: int, geometry: Geometry, tile_frames: int) -> Iterator[Tile]:
    """Cuts the output frames into tiles of at most `tile_frames`."""
    stride, before = geometry.strides[0], geometry.padding[0][0]
    out_frames = geometry.out_frames(frames, kernel_t)
    for start in range(0, out_frames, tile_frames):
        stop = min(start + tile_frames, out_frames)
        # A tile completely in the padding still gets one input frame, with a band of zeros.
        low = min(max(0, start * stride - before), frames - 1)
        high = max(low + 1, min(frames, (stop - 1) * stride - before + kernel_t))
        d, t, s = np.ogrid[:kernel_t, low:high, start:stop]
        yield Tile(start, stop, low, high, (t == s * stride - before + d).astype(np.float32))


def forward(
    x: jax.Array, kernel: jax.Array, geometry: Geometry, tile_frames: int
) -> tuple[jax.Array, jax.Array]:
    """Returns the convolution and the input again.

    `backward` takes the returned input, so that the folded input is written to memory only once.
    """
    folded = materialise(_fold(x), kernel)
    y = _apply(folded, kernel, geometry, tile_frames)
    return y.transpose(0, 3, 1, 2, 4), _unfold(folded, x.shape)


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry, tile_frames: int
) -> tuple[jax.Array, jax.Array]:
    """Returns the gradients with respect to the input and the kernel.

    Args:
      x: The input that `forward` returned, [b, t, h, w, c_in].
      kernel: [kt, kh, kw, c_in, c_out].
      dy: Gradient with respect to the output, [b, t', h', w', c_out].
      geometry: Geometry of the convolution.
      tile_frames: Number of output frames that are computed together.
    """
    folded = _fold(x)
    dy_folded = materialise(dy.transpose(0, 2, 3, 1, 4), kernel)
    _, input_gradient = jax.vjp(lambda f: _apply(f, kernel, geometry, tile_frames), folded)
    dx = _unfold(input_gradient(dy_folded)[0], x.shape)
    return dx, _kernel_gradient(folded, kernel, dy_folded, geometry, tile_frames)


def _channel_major(channels: int) -> bool:
    """Returns whether the folded order is (c, t) instead of (t, c).

    With the 3 channels of a video, (c, t) is faster to transpose.
    """
    return channels < 8


def _fold(x: jax.Array) -> jax.Array:
    """[b, t, h, w, c] -> [b, h, w, t, c], or [b, h, w, c, t]."""
    return x.transpose((0, 2, 3, 4, 1) if _channel_major(x.shape[-1]) else (0, 2, 3, 1, 4))


def _unfold(folded: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Inverts `_fold` of an array with this shape."""
    return folded.transpose((0, 4, 1, 2, 3) if _channel_major(shape[-1]) else (0, 3, 1, 2, 4))


def _apply(folded: jax.Array, kernel: jax.Array, geometry: Geometry, tile_frames: int) -> jax.Array:
    """Maps folded input to [b, h', w', t', c_out]."""
    c_in, c_out = kernel.shape[3:]
    axis = 4 if _channel_major(c_in) else 3
    outputs = []
    for tile in tiles(folded.shape[axis], kernel.shape[0], geometry, tile_frames):
        image = lax.slice_in_dim(folded, tile.low, tile.high, axis=axis)
        spec = "dhwio,dts->hwitso" if _channel_major(c_in) else "dhwio,dts->hwtiso"
        banded = jnp.einsum(spec, kernel, tile.band)
        banded = banded.reshape(*kernel.shape[1:3], image.shape[3] * image.shape[4], -1)
        outputs.append(conv2d(image.reshape(*image.shape[:3], -1), banded, geometry))
    y = outputs[0] if len(outputs) == 1 else jnp.concatenate(outputs, axis=-1)
    return y.reshape(*y.shape[:3], -1, c_out)


def _kernel_gradient(
    folded: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry, tile_frames: int
) -> jax.Array:
    """Returns the gradient with respect to the kernel, from folded input and dy.

    dy is [b, h', w', t', c_out]. The gradient is written out by hand to transpose both operands
    once for all tiles. Automatic differentiation would transpose them for each tile.
    """
    kernel_t, kh, kw, c_in, c_out = kernel.shape
    axis = 1 if _channel_major(c_in) else 0
    # [t, c, h, w, b] or [c, t, h, w, b]; [h', w', b, t', c_out].
    x_turned = materialise(folded.transpose(3, 4, 1, 2, 0), kernel)
    dy_turned = materialise(dy.transpose(1, 2, 0, 3, 4), kernel)
    spec = "ithwso,dts->dhwio" if _channel_major(c_in) else "tihwso,dts->dhwio"
    if kernel_t == 1:
        tile_frames = 1  # frames have nothing in common: a tile of several is mostly zeros
    gradient = jnp.zeros_like(kernel)
    for tile in tiles(x_turned.shape[axis], kernel_t, geometry, tile_frames):
        image = lax.slice_in_dim(x_turned, tile.low, tile.high, axis=axis)
        weight = lax.slice_in_dim(dy_turned, tile.start, tile.stop, axis=3)
        banded = conv2d_kernel_gradient(
            image.reshape(-1, *image.shape[2:]),
            weight.reshape(*weight.shape[:3], -1),
            (kh, kw),
            geometry,
        )
        banded = banded.reshape(*image.shape[:2], kh, kw, -1, c_out)
        gradient = gradient + jnp.einsum(spec, banded, tile.band)
    return gradient
