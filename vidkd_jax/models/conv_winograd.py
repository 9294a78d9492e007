"""Convolution with three or five taps over time on CPU, by Winograd's minimal filtering over time.

With three taps, four output frames need twelve products of a frame with a kernel plane. F(4, 3)
needs six products, of sums of frames with sums of planes (Winograd 1980; Lavin & Gray 2016,
arXiv:1509.09308, for images). A product here is a whole 2D convolution, so the sums, which are
elementwise work on frames, cost little.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vidkd_jax.models.conv_geometry import (
    Geometry,
    conv2d_kernel_gradient,
    materialise,
)
from vidkd_jax.models.conv_grouped import conv2d_grouped


class Scheme(NamedTuple):
    """out = to_out @ ((from_taps @ taps) * (from_frames @ frames)), for one tile of frames.

    A tile has m output frames and takes p products.
    """

    from_frames: np.ndarray  # [p, m + taps - 1], applied to the input frames of a tile
    from_taps: np.ndarray  # [p, taps]
    to_out: np.ndarray  # [m, p]


def _toom_cook(tile: int, taps: int, points: Sequence[float]) -> Scheme:
    """Returns F(tile, taps), by Toom-Cook.

    The product of two polynomials is interpolated from its values at `points` and at infinity.
    """
    powers = np.vander([*points, 0.0], tile + taps - 1, increasing=True)
    powers[-1] = np.eye(len(powers))[-1]  # the value at infinity is the leading coefficient
    from_taps, to_out = powers[:, :taps].copy(), powers[:, :tile].T.copy()
    from_taps[-1], to_out[:, -1] = np.eye(taps)[-1], np.eye(tile)[-1]
    # The scale makes the coefficients of the frames small whole numbers (Lavin & Gray, sec. 4.3).
    scale = np.array([np.prod([p - q for q in points if q != p]) for p in points] + [1.0])
    from_frames = (np.linalg.inv(powers) * scale).T.round(6)
    return Scheme(from_frames, from_taps / scale[:, None], to_out)


_SCHEMES = {
    3: _toom_cook(4, 3, (0, 1, -1, 2, -2)),
    5: _toom_cook(4, 5, (0, 1, -1, 2, -2, 0.5, -0.5)),
}
# With two frames and zero padding the convolution is a 2x2 Toeplitz matrix, which needs three
# products instead of four.
_TWO_FRAMES = Scheme(
    np.array([[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]),
    np.array([[0, 1, 0], [0, -1, 1], [1, -1, 0]]),
    np.array([[1, 1, 0], [1, 0, 1]]),
)


def _scheme(frames: int, taps: int) -> Scheme:
    return _TWO_FRAMES if (frames, taps) == (2, 3) else _SCHEMES[taps]


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """Returns the convolution and its input, which is written to memory once, for `backward`.

    The convolution has three or five taps and stride 1 over time, and as many output frames as
    input frames.
    """
    x = materialise(x, kernel)
    return _apply(x, kernel, geometry), x


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Returns the gradients with respect to input and kernel; `x` is the one `forward` returned."""
    dy = materialise(dy, kernel)
    if kernel.shape[0] == 3 and geometry.strides == (1, 1, 1):
        dx = _input_gradient(kernel, dy, geometry)
    else:  # the input gradient of a stem, which training does not need
        dx = jax.linear_transpose(lambda x: _apply(x, kernel, geometry), x)(dy)[0]
    return dx, _kernel_gradient(x, kernel, dy, geometry)


def _apply(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    scheme = _scheme(x.shape[1], kernel.shape[0])
    images = _images(x, scheme, _frames_as_images)
    planes = _combine(scheme.from_taps, kernel)
    products = [conv2d_grouped(v, u, geometry) for v, u in zip(images, planes, strict=True)]
    return _spread(scheme.to_out, products, x.shape[0])[:, : x.shape[1]]


def _input_gradient(kernel: jax.Array, dy: jax.Array, geometry: Geometry) -> jax.Array:
    scheme = _scheme(dy.shape[1], kernel.shape[0])
    turned = materialise(kernel[:, ::-1, ::-1].transpose(0, 1, 2, 4, 3), kernel)
    planes = _combine(scheme.from_taps, turned)
    height, width = (
        (taps - 1 - before, taps - 1 - after)
        for taps, (before, after) in zip(kernel.shape[1:3], geometry.padding[1:], strict=True)
    )
    transposed = Geometry((1, 1, 1), (geometry.padding[0], height, width))
    d_products = _d_products(dy, scheme, _frames_as_images)
    d_images = [
        conv2d_grouped(d_product, plane, transposed)
        for d_product, plane in zip(d_products, planes, strict=True)
    ]
    return _gather(scheme.from_frames, d_images, dy.shape)


def _kernel_gradient(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> jax.Array:
    """Returns the gradient with respect to the kernel.

    Both operands are transposed once, before the sums for the products are computed from them.
    """
    scheme = _scheme(x.shape[1], kernel.shape[0])
    x_turned = materialise(x.transpose(4, 2, 3, 1, 0), kernel)  # [c_in, h, w, t, b]
    dy_turned = materialise(dy.transpose(2, 3, 1, 0, 4), kernel)  # [h', w', t, b, c_out]
    images = _images(x_turned, scheme, _frames_as_channels)
    d_products = _d_products(dy_turned, scheme, _frames_as_kernels)
    kh, kw = kernel.shape[1:3]
    d_planes = [
        conv2d_kernel_gradient(image, d_product, (kh, kw), geometry)
        for image, d_product in zip(images, d_products, strict=True)
    ]
    return jnp.stack(_combine(scheme.from_taps.T, d_planes)).transpose(0, 2, 3, 1, 4)


def _combine(coefficients: np.ndarray, arrays: Sequence[jax.Array] | jax.Array) -> list[jax.Array]:
    """Returns one weighted sum of the arrays for each row of the coefficients."""
    sums = []
    for row in coefficients.tolist():
        terms = [a if c == 1 else a * c for c, a in zip(row, arrays, strict=True) if c]
        sums.append(sum(terms[1:], terms[0]))
    return sums


class _Frames(NamedTuple):
    """Which axis of an array holds the frames, and which axes a product needs flattened."""

    axis: int
    flat: tuple[int, int]  # two neighbouring axes, one of them `axis`, that become one


_frames_as_images = _Frames(axis=1, flat=(0, 1))  # [b, t, h, w, c] -> [b * t, h, w, c]
_frames_as_channels = _Frames(axis=3, flat=(3, 4))  # [c, h, w, t, b] -> [c, h, w, t * b]
_frames_as_kernels = _Frames(axis=2, flat=(2, 3))  # [h, w, t, b, c] -> [h, w, t * b, c]


def _images(x: jax.Array, scheme: Scheme, frames: _Frames) -> list[jax.Array]:
    """Returns the input of each product."""
    return _combine(
        scheme.from_frames, _tile_frames(x, scheme, frames, scheme.from_taps.shape[1] // 2)
    )


def _d_products(dy: jax.Array, scheme: Scheme, frames: _Frames) -> list[jax.Array]:
    """Returns the gradient with respect to each product."""
    return _combine(scheme.to_out.T, _tile_frames(dy, scheme, frames, 0))


def _tile_frames(x: jax.Array, scheme: Scheme, frames: _Frames, padding: int) -> list[jax.Array]:
    """Cuts the frames into tiles, each with `padding` more frames on both sides.

    Item i of the result holds frame i of every tile.
    """
    tile = scheme.to_out.shape[0]
    tiles = -(-x.shape[frames.axis] // tile)
    config = [(0, 0, 0)] * x.ndim
    config[frames.axis] = (padding, padding + tiles * tile - x.shape[frames.axis], 0)
    x = lax.pad(x, jnp.zeros((), x.dtype), config)
    first, second = frames.flat
    parts = []
    for start in range(tile + 2 * padding):
        stop = start + tile * (tiles - 1) + 1
        part = lax.slice_in_dim(x, start, stop, tile, axis=frames.axis)
        parts.append(part.reshape(*part.shape[:first], -1, *part.shape[second + 1 :]))
    return parts


def _spread(coefficients: np.ndarray, arrays: Sequence[jax.Array], batch: int) -> jax.Array:
    """Returns frames [b, t, h, w, c]: weighted sums of images [b * tiles, h, w, c].

    Row i of the coefficients gives frame i of every tile.
    """
    columns = jnp.asarray(coefficients, arrays[0].dtype)[:, :, None, None, None]
    y = columns[:, 0] * arrays[0][:, None]
    for p, array in enumerate(arrays[1:], 1):
        y += columns[:, p] * array[:, None]
    return y.reshape(batch, -1, *arrays[0].shape[1:])


def _gather(
    coefficients: np.ndarray, d_images: Sequence[jax.Array], shape: tuple[int, ...]
) -> jax.Array:
    """Computes the transpose of `_images`, for three taps.

    The inputs of neighbouring tiles overlap, so gradients of the edge frames are added.
    """
    tile, batch = coefficients.shape[1] - 2, shape[0]
    dx = _spread(coefficients.T[1:-1], d_images, batch)
    zero = jnp.zeros((), dx.dtype)
    for column, before in ((0, -1), (-1, tile)):
        if coefficients[:, column].any() and dx.shape[1] > tile:
            edge = _combine(coefficients.T[[column]], d_images)[0]
            edge = edge.reshape(batch, -1, *edge.shape[1:])
            after = dx.shape[1] - before - tile * (edge.shape[1] - 1) - 1
            config = [(0, 0, 0), (before, after, tile - 1)] + [(0, 0, 0)] * 3
            dx = dx + lax.pad(edge, zero, config)
    return dx[:, : shape[1]]
