"""Layers that every family of backbones shares: a 3D convolution, its normalisation, pooling."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.conv import conv3d

# He et al. 2015, fan-out, as the 3D ResNets of Hara et al. (TY's reference [35]) initialise.
he_normal_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")

# PyTorch's defaults (eps 1e-5, momentum 0.1), in Flax's convention for momentum.
batch_norm = partial(nn.BatchNorm, epsilon=1e-5, momentum=0.9)


class Conv3D(nn.Module):
    """3D convolution with PyTorch's symmetric padding: size // 2 on both sides of an axis.

    Attributes:
      features: number of output channels.
      kernel_size: (t, h, w).
      strides: (t, h, w).
      use_bias: whether a bias is added.
      dtype: compute dtype; parameters are float32.
    """

    features: int
    kernel_size: Sequence[int] = (3, 3, 3)
    strides: Sequence[int] = (1, 1, 1)
    use_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t', h', w', features], t' = ceil(t / stride)."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", he_normal_fan_out, shape, jnp.float32)
        padding = tuple((size // 2, size // 2) for size in self.kernel_size)
        y = conv3d(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            strides=tuple(self.strides),
            padding=padding,
        )
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            y = y + bias.astype(self.dtype)
        return y
