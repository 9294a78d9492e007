"""What the CPU forms of the 3D convolution share: sizes, 2D convolution, stopping a fusion."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Triple = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Strides and padding over (t, h, w), groups of channels; hashable, so static under jit."""

    strides: Triple
    padding: tuple[Pair, Pair, Pair]
    groups: int = 1

    def out_frames(self, frames: int, kernel_t: int) -> int:
        """Number of frames that come out of `frames` frames."""
        return (frames + sum(self.padding[0]) - kernel_t) // self.strides[0] + 1


def native(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """XLA's own 3D convolution; shapes as `conv.conv3d`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        feature_group_count=geometry.groups,
    )


def conv2d(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """The convolution over (h, w) alone: [n, h, w, c_in], [kh, kw, c_in, c_out]."""
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
    """Gradient of `conv2d` in its kernel, as a convolution of images with images.

    Args:
      x_turned: the input with its dimensions turned round, [c_in, h, w, n].
      dy_turned: the output's gradient, [h', w', n, c_out].
      kernel_size: (kh, kw).
      geometry: of the forward convolution.

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
    """Returns a form's forward and backward, whose gradients XLA takes of `apply`.

    `apply(x, kernel, geometry)` is the convolution. The forward returns it and its input, written
    to memory once, for the backward, which maps (x, kernel, dy) to the gradients in x and kernel.
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
    """Returns `x`, computed once and written to memory.

    XLA's CPU backend fuses the elementwise work before a convolution (BatchNorm, ReLU, residual
    sums) into every copy, slice and transposition that the convolution's forms need, and computes
    it again in each, in the copy's order of memory. `optimization_barrier` is removed before it
    fuses; a loop whose condition is only known at run time is not, and, unlike a branch, it hands
    on its array without a copy. Its body is run, once, where the kernel's first weight is NaN, and
    yields NaN, as the convolution itself would.
    """

    def body(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros((), bool), carry[1] * jnp.nan

    return lax.while_loop(lambda carry: carry[0], body, (jnp.isnan(kernel.ravel()[0]), x))[1]
