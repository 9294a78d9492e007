"""(2+1)D convolutions: first over space, then over time (Tran et al. 2018, section 3.5)."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
from flax import linen as nn


def middle_features(kernel_size: Sequence[int], c_in: int, c_out: int) -> int:
    """Returns the number of channels between the convolution over space and the one over time.

    With it, both together have about as many parameters as the 3D convolution. Tran et al. 2018,
    section 3.5: floor(kt kh kw c_in c_out / (kh kw c_in + kt c_out)).
    """
    kt, kh, kw = kernel_size
    return prod(kernel_size) * c_in * c_out // (kh * kw * c_in + kt * c_out)


def factorised(
    x: jax.Array,
    features: int,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    *,
    names: tuple[str, str, str],
    conv: Callable[..., Any],
    norm: Callable[..., Any],
    middle: int | None = None,
) -> jax.Array:
    """Convolves over space, normalises, applies ReLU, and convolves over time.

    Call it from a compact method: its layers become layers of the calling module.

    Args:
      x: [b, t, h, w, c].
      features: Number of output channels.
      kernel_size: Size of the 3D convolution that is factorised, (t, h, w).
      strides: (t, h, w).
      names: Names of the convolution over space, the norm and the convolution over time.
      conv: Makes a convolution, like `layers.Conv3D`.
      norm: Makes a norm, like `layers.batch_norm`.
      middle: Number of channels between the two; None means `middle_features`.

    Returns:
      [b, t', h', w', features].
    """
    (kt, kh, kw), (st, sh, sw) = kernel_size, strides
    # Of the narrowest networks the formula has no channel left.
    middle = max(middle or middle_features(kernel_size, x.shape[-1], features), 1)
    space, between, time = names
    x = conv(middle, (1, kh, kw), (1, sh, sw), name=space)(x)
    x = nn.relu(norm(name=between)(x))
    return conv(features, (kt, 1, 1), (st, 1, 1), name=time)(x)
