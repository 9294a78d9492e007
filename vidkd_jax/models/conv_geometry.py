"""Helpers of the CPU forms of the 3D convolution: sizes, 2D convolution, preventing fusion."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from vidkd_jax.runtime import materialise as once

Pair = tuple[int, int]
Triple = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Strides and padding over (t, h, w), and groups of channels. Hashable, to be static in jit."""

    strides: Triple
    padding: tuple[Pair, Pair, Pair]
    groups: int = 1

    def out_frames(self, frames: int, kernel_t: int) -> int:
        """Returns the number of output frames for `frames` input frames."""
        return (frames + sum(self.padding[0]) - kernel_t) // self.strides[0] + 1


def native(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Computes XLA's own 3D convolution; shapes are those of `conv.conv3d`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        feature_group_count=geometry.groups,
    )


def conv2d(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Convolves over (h, w) only: x [n, h, w, c_in], kernel [kh, kw, c_in, c_out]."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides[1:],
        geometry.padding[1:],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def conv2d_kernel_gradient(
    x_turned: jax.Array, dy_turned: jax.Array, kernel_size: Pair, geometry: Geometry
) -> jax.Array:
    """Returns the gradient of `conv2d` with respect to its kernel, as a convolution of images.

    Args:
      x_turned: The input with its axes transposed, [c_in, h, w, n].
      dy_turned: The gradient with respect to the output, transposed, [h', w', n, c_out].
      kernel_size: (kh, kw).
      geometry: Geometry of the forward convolution.

    Returns:
      [c_in, kh, kw, c_out].
    """
    sizes = zip(
        x_turned.shape[1:3],
        dy_turned.shape[:2],
        kernel_size,
        geometry.strides[1:],
        geometry.padding[1:],
        strict=True,
    )
    padding = [
        (before, taps + (out - 1) * stride - size - before)
        for size, out, taps, stride, (before, _) in sizes
    ]
    return lax.conv_general_dilated(
        x_turned,
        dy_turned,
        (1, 1),
        padding,
        rhs_dilation=geometry.strides[1:],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def with_xla_gradients(apply: Callable[..., jax.Array]) -> tuple[Callable[..., Any], ...]:
    """Returns the forward and backward function of a form; JAX differentiates `apply`.

    `apply(x, kernel, geometry)` computes the convolution. The forward function returns it and the
    input, which is written to memory once. The backward function takes (x, kernel, dy), where x is
    that input, and returns the gradients with respect to x and kernel.
    """

    def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
        x = materialise(x, kernel)
        return apply(x, kernel, geometry), x

    def backward(
        x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
    ) -> tuple[jax.Array, jax.Array]:
        _, gradients = jax.vjp(lambda x, kernel: apply(x, kernel, geometry), x, kernel)
        dx, dk = gradients(materialise(dy, kernel))
        return dx, dk

    return forward, backward


def materialise(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns `x`, computed only once and written to memory.

    XLA's CPU backend would otherwise compute BatchNorm, ReLU and residual sums again for each copy
    of a convolution's input. If the first weight of the kernel is NaN, the result is wrong, and the
    convolution is NaN whatever its input.
    """
    return once.materialise(x, jnp.isnan(kernel.ravel()[0]))
