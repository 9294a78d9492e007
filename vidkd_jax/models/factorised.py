"""(2+1)D convolutions: space first, then time (Tran et al. 2018, section 3.5)."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
from flax import linen as nn


def middle_features(kernel_size: Sequence[int], c_in: int, c_out: int) -> int:
    """Returns the channels between space and time that keep a 3D convolution's parameters.

    Tran et al. 2018, section 3.5: floor(kt kh kw c_in c_out / (kh kw c_in + kt c_out)).
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
    """Convolves over space, normalises, rectifies, and convolves over time.

    To be called from a compact method: the layers belong to the module that calls.

    Args:
      x: [b, t, h, w, c].
      features: number of output channels.
      kernel_size: of the 3D convolution that is factorised, (t, h, w).
      strides: (t, h, w).
      names: of the convolution over space, the norm and the convolution over time.
      conv: makes a convolution, as `layers.Conv3D`.
      norm: makes a norm, as `layers.batch_norm`.
      middle: channels between the two; `middle_features` by default.

    Returns:
      [b, t', h', w', features].
    """
    (kt, kh, kw), (st, sh, sw) = kernel_size, strides
    middle = middle or middle_features(kernel_size, x.shape[-1], features)
    space, between, time = names
    x = conv(middle, (1, kh, kw), (1, sh, sw), name=space)(x)
    x = nn.relu(norm(name=between)(x))
    return conv(features, (kt, 1, 1), (st, 1, 1), name=time)(x)
