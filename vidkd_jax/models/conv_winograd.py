"""3x3x3 convolution on CPU by Winograd's minimal filtering over time.

Four output frames need twelve products of a frame with a kernel plane; F(4, 3) takes six, of sums
of frames with sums of planes (Winograd 1980; Lavin & Gray 2016, arXiv:1509.09308, on images). A
product here is a whole 2D convolution, so the sums cost little: elementwise work on frames.
"""

from collections.abc import Sequence
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


class Scheme(NamedTuple):
    """out = to_out @ ((from_taps @ taps) * (from_frames @ frames)), for one tile of frames."""

    from_frames: np.ndarray  # [p, m + 2]: products from the frames that a tile sees
    from_taps: np.ndarray  # [p, 3]
    to_out: np.ndarray  # [m, p]


# F(4, 3) with the points 0, 1, -1, 2, -2, infinity (Lavin & Gray, section 4.3).
_FOUR_FRAMES = Scheme(
    np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
    np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
)
# Two frames between zeros: a 2x2 Toeplitz matrix, three products instead of four.
_TWO_FRAMES = Scheme(
    np.array([[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]),
    np.array([[0, 1, 0], [0, -1, 1], [1, -1, 0]]),
    np.array([[1, 1, 0], [1, 0, 1]]),
)


def _scheme(frames: int) -> Scheme:
    return _TWO_FRAMES if frames == 2 else _FOUR_FRAMES


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """The convolution (stride 1, time padded by one), and its input written to memory once."""
    x = materialise(x, kernel)
    scheme = _scheme(x.shape[1])
    products = [
        conv2d(image, plane, geometry)
        for image, plane in zip(_images(x, scheme), _combine(scheme.from_taps, kernel), strict=True)
    ]
    y = _spread(scheme.to_out, products, x.shape[0])
    return y[:, : x.shape[1]], x


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Gradients of the convolution in its input and its kernel; `x` as `forward` returned it."""
    scheme = _scheme(x.shape[1])
    dy = materialise(dy, kernel)
    tile = scheme.to_out.shape[0]
    frames = _tile_frames(_pad_frames(dy, 0, -dy.shape[1] % tile), range(tile), tile)
    d_products = _combine(scheme.to_out.T, frames)
    planes = _combine(scheme.from_taps, kernel)
    d_images, d_planes = [], []
    for image, plane, d_product in zip(_images(x, scheme), planes, d_products, strict=True):
        image_shape = jax.ShapeDtypeStruct((*d_product.shape[:1], *x.shape[2:]), x.dtype)
        pullback = jax.linear_transpose(lambda v, u=plane: conv2d(v, u, geometry), image_shape)
        d_images.append(pullback(d_product)[0])
        d_planes.append(
            conv2d_kernel_gradient(
                materialise(image.transpose(3, 1, 2, 0), kernel),
                materialise(d_product.transpose(1, 2, 0, 3), kernel),
                kernel.shape[1:3],
                geometry,
            )
        )
    d_kernel = jnp.stack(_combine(scheme.from_taps.T, d_planes)).transpose(0, 2, 3, 1, 4)
    return _gather(scheme.from_frames, d_images, x.shape), d_kernel


def _combine(coefficients: np.ndarray, arrays: Sequence[jax.Array] | jax.Array) -> list[jax.Array]:
    """One weighted sum of the arrays per row of the coefficients."""
    sums = []
    for row in coefficients.tolist():
        terms = [a if c == 1 else a * c for c, a in zip(row, arrays, strict=True) if c]
        sums.append(sum(terms[1:], terms[0]))
    return sums


def _pad_frames(x: jax.Array, before: int, after: int) -> jax.Array:
    return jnp.pad(x, ((0, 0), (before, after), (0, 0), (0, 0), (0, 0)))


def _tile_frames(x: jax.Array, starts: range, tile: int) -> list[jax.Array]:
    """Every `tile`-th frame from each start, as images [b * tiles, h, w, c]."""
    tiles = (x.shape[1] - starts.stop) // tile + 1
    return [
        lax.slice_in_dim(x, f, f + tile * (tiles - 1) + 1, tile, axis=1).reshape(-1, *x.shape[2:])
        for f in starts
    ]


def _images(x: jax.Array, scheme: Scheme) -> list[jax.Array]:
    """The inputs of the products, each [b * tiles, h, w, c]."""
    tile, seen = scheme.to_out.shape[0], scheme.from_frames.shape[1]
    x = _pad_frames(x, 1, 1 + -x.shape[1] % tile)
    return _combine(scheme.from_frames, _tile_frames(x, range(seen), tile))


def _spread(coefficients: np.ndarray, arrays: Sequence[jax.Array], batch: int) -> jax.Array:
    """Weighted sums of images [b * tiles, h, w, c], one per row, as frames [b, t, h, w, c]."""
    columns = jnp.asarray(coefficients, arrays[0].dtype)[:, :, None, None, None]
    y = sum(columns[:, p] * array[:, None] for p, array in enumerate(arrays))
    return y.reshape(batch, -1, *arrays[0].shape[1:])


def _gather(
    coefficients: np.ndarray, d_images: Sequence[jax.Array], shape: tuple[int, ...]
) -> jax.Array:
    """Transposes `_images`: a frame at a tile's end is seen by the next tile as well."""
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
