"""Layers that all families of backbones share: 3D convolution, BatchNorm, pooling."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name

from vidkd_jax.models.conv import conv3d
from vidkd_jax.models.pooling import max_pool

# Names the outputs of convolutions for a policy of `jax.checkpoint`. Everything else is cheap to
# compute again.
CONV_OUTPUT = "conv_output"

# He et al. 2015 with fan-out, like the 3D ResNets of Hara et al. (reference [35] of TY).
he_normal_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")

# The default initialisation of PyTorch's Conv3d: uniform within 1 / sqrt(fan-in).
torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")

# PyTorch's defaults are eps 1e-5 and momentum 0.1. Flax's momentum is 1 minus PyTorch's.
batch_norm = partial(nn.BatchNorm, epsilon=1e-5, momentum=0.9)

# The max-pool after the stem of Hara et al. and of the 3D ShuffleNets. It halves time, height and
# width, and pads with minus infinity.
stem_pool = partial(max_pool, window=(3, 3, 3), strides=(2, 2, 2), padding=((1, 1), (1, 1), (1, 1)))


class Conv3D(nn.Module):
    """3D convolution, by default with PyTorch's symmetric padding: size // 2 on both sides.

    Attributes:
      features: Number of output channels.
      kernel_size: (t, h, w).
      strides: (t, h, w).
      padding: Number of zeros (before, after) along t, h and w; None means symmetric padding.
      groups: Number of groups of channels. Each group is convolved separately.
      use_bias: Whether a bias is added.
      kernel_init: Initialiser of the kernel.
      dtype: Compute dtype; parameters are float32.
    """

    features: int
    kernel_size: Sequence[int] = (3, 3, 3)
    strides: Sequence[int] = (1, 1, 1)
    padding: Sequence[tuple[int, int]] | None = None
    groups: int = 1
    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = he_normal_fan_out
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t', h', w', features], t' = ceil(t / stride)."""
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return convolve(self, x, kernel, bias)


def convolve(layer: Conv3D, x: jax.Array, kernel: jax.Array, bias: jax.Array | None) -> jax.Array:
    """Applies a layer to x [b, t, h, w, c] with the given parameters instead of its own."""
    symmetric = tuple((size // 2, size // 2) for size in layer.kernel_size)
    y = conv3d(
        x.astype(layer.dtype),
        kernel.astype(layer.dtype),
        strides=tuple(layer.strides),
        padding=layer.padding or symmetric,
        groups=layer.groups,
    )
    if bias is not None:
        y = y + bias.astype(layer.dtype)
    return checkpoint_name(y, CONV_OUTPUT)
