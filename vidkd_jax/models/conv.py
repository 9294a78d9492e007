"""3D convolution."""

from collections.abc import Sequence

import jax


def conv3d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: Sequence[int] = (1, 1, 1),
    padding: Sequence[tuple[int, int]] = ((0, 0), (0, 0), (0, 0)),
    groups: int = 1,
) -> jax.Array:
    """Convolves x [b, t, h, w, c_in] with kernel [kt, kh, kw, c_in / groups, c_out]."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        feature_group_count=groups,
    )
