"""3D convolution: XLA's own on accelerators, and the fastest of several forms on CPU.

XLA's CPU backend computes 3D convolutions at a few per cent of the peak speed of the machine, and
the gradients of strided convolutions at less than one per cent. The forms in `conv_*.py` compute
the same sums with 2D convolutions and matrix products, in plain JAX. `benchmarks/conv.py` measures
them.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax.models import (
    conv_blocks,
    conv_channel_groups,
    conv_depthwise,
    conv_folded,
    conv_pointwise,
    conv_taps,
    conv_winograd,
)
from vidkd_jax.models.conv_geometry import Geometry, native


def conv3d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: Sequence[int] = (1, 1, 1),
    padding: Sequence[tuple[int, int]] = ((0, 0), (0, 0), (0, 0)),
    groups: int = 1,
) -> jax.Array:
    """Convolves clips with a kernel, like `jax.lax.conv_general_dilated`.

    On CPU the sums are computed in float32 and in another order, so results differ by about 1e-5
    relative. The function can be differentiated once, in reverse mode.

    Args:
      x: [b, t, h, w, c_in], float32 or bfloat16.
      kernel: [kt, kh, kw, c_in / groups, c_out], in the dtype of x.
      strides: Strides over (t, h, w).
      padding: Number of zeros (before, after) along t, h and w.
      groups: Number of groups of channels. Each group is convolved separately.

    Returns:
      [b, t', h', w', c_out], in the dtype of x.
    """
    (st, sh, sw), (pt, ph, pw) = strides, padding
    geometry = Geometry((st, sh, sw), ((pt[0], pt[1]), (ph[0], ph[1]), (pw[0], pw[1])), groups)
    return _conv3d(x, kernel, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv3d(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    return _forward(x, kernel, geometry)[0]


def _forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> Any:
    form, _ = _form(x.shape, kernel.shape, geometry)

    def on_cpu(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, kept = form(x.astype(jnp.float32), kernel.astype(jnp.float32))
        return y.astype(x.dtype), kept.astype(x.dtype)

    def elsewhere(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        return native(x, kernel, geometry), x

    y, kept = jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=elsewhere)
    return y, (kept, kernel)


def _backward(geometry: Geometry, residuals: Any, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    _, form = _form(x.shape, kernel.shape, geometry)

    def on_cpu(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        dx, dk = form(*(v.astype(jnp.float32) for v in (x, kernel, dy)))
        return dx.astype(x.dtype), dk.astype(kernel.dtype)

    def elsewhere(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
        return jax.vjp(lambda x, kernel: native(x, kernel, geometry), x, kernel)[1](dy)

    return jax.lax.platform_dependent(x, kernel, dy, cpu=on_cpu, default=elsewhere)


_conv3d.defvjp(_forward, _backward)


def _form(
    x_shape: tuple[int, ...], kernel_shape: tuple[int, ...], geometry: Geometry
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the forward and backward function of the fastest CPU form for these shapes.

    The table shows milliseconds per training step of a ResNet-18 on one core of an AMD EPYC 9004
    (jaxlib 0.10.2). Each column uses another form for the 3x3x3 convolutions with stride 1, which
    take most of the time:

    | width, clips         | native | 3x3x3 folded | 3x3x3 by taps | 3x3x3 Winograd | PyTorch |
    |----------------------|--------|--------------|---------------|----------------|---------|
    | 8, 16 x 8x48x48      | 6,824  | 153          | -             | 140            | 134     |
    | 16, 16 x 8x48x48     | -      | 373          | -             | 280            | 265     |
    | 64, 2 x 16x112x112   | -      | -            | 7,490         | 4,000          | 4,800   |
    """
    options: dict[str, Any] = {"geometry": geometry}
    frames, kernel_t, c_in, c_out = x_shape[1], kernel_shape[0], *kernel_shape[3:]
    over_time = kernel_t == 3 and frames > 1 and geometry.padding[0] == (1, 1)
    is_stem = (kernel_t, geometry.strides[0], geometry.padding[0]) == (7, 1, (3, 3))
    form: Any
    if geometry.groups > 1:
        form = conv_depthwise if geometry.groups == c_out == x_shape[4] else conv_channel_groups
    elif kernel_shape[:3] == (1, 1, 1) and geometry.padding == ((0, 0),) * 3:
        form = conv_pointwise
    elif over_time and geometry.strides == (1, 1, 1) and c_in >= 8:
        form = conv_winograd
    elif is_stem and c_out > 8:
        form = conv_blocks
    elif frames * c_in <= 128 or c_in < 8:
        # In a stem with 8 channels, one tile of all frames (48 % zeros) is faster than small tiles.
        # Elsewhere the 2D convolution is fast from 32 channels, and larger tiles only add zeros.
        form = conv_folded
        options["tile_frames"] = max(1, (64 if kernel_t > 3 else 32) // c_out)
    else:
        form = conv_taps
    backward = functools.partial(form.backward, **options)
    if form is conv_folded and is_stem:  # conv_blocks is a quarter faster forward, slower backward
        return functools.partial(conv_blocks.forward, geometry=geometry), backward
    return functools.partial(form.forward, **options), backward
