"""1x1x1 convolution on CPU, as a strided slice and one matrix product."""

import jax

from vidkd_jax.models.conv_geometry import Geometry


def forward(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
    """Returns the convolution (without padding) and its input, for `backward`."""
    return _apply(x, kernel, geometry), x


def backward(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, geometry: Geometry
) -> tuple[jax.Array, jax.Array]:
    """Returns the gradients with respect to the input and the kernel."""
    _, gradients = jax.vjp(lambda x, kernel: _apply(x, kernel, geometry), x, kernel)
    return gradients(dy)


def _apply(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """[b, t, h, w, c_in] -> [b, t', h', w', c_out]."""
    st, sh, sw = geometry.strides
    seen = x[:, ::st, ::sh, ::sw]
    y = seen.reshape(-1, x.shape[-1]) @ kernel[0, 0, 0]
    return y.reshape(*seen.shape[:-1], -1)
