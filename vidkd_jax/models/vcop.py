"""The backbones of video clip order prediction (VCOP) and of pretext-contrastive learning (PCL).

Xu et al. 2019: C3D without its fully connected layers, and ResNets with one basic block per stage,
3D or (2+1)D. Torchvision's weights do not fit the (2+1)D network: it factorises every convolution,
even the 1x1x1 convolutions of the shortcuts, and each convolution has its own number of middle
channels.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.errors import InputError
from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.factorised import factorised
from vidkd_jax.models.layers import Conv3D, batch_norm, torch_uniform
from vidkd_jax.models.normalisation import UNIT
from vidkd_jax.models.pooling import max_pool


class C3D(nn.Module):
    """Eight 3x3x3 convolutions with norms, four max-pools, and average pooling.

    Attributes:
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, 512 width], float32.

        Raises:
          InputError: The clip has so few or so small frames that pooling leaves nothing.
        """
        if clip.shape[1] < 8 or min(clip.shape[2:4]) < 16:
            frames, height, width = clip.shape[1:4]
            raise InputError(
                f"data.frames, data.crop: {frames} frames of {height}x{width} are too few or too "
                "small for C3D; use at least 8 frames of 16x16 pixels"
            )
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        options = {"use_bias": True, "kernel_init": torch_uniform, "dtype": self.dtype}
        x = clip
        for stage, features in enumerate((64, 128, 256, 512, 512), start=1):
            if stage > 1:  # the first pool does not change the number of frames
                pool = (1, 2, 2) if stage == 2 else (2, 2, 2)
                x = max_pool(x, pool, pool)
            for part in ("a", "b") if stage > 2 else ("",):
                x = Conv3D(scaled(features, self.width), name=f"conv{stage}{part}", **options)(x)
                x = nn.relu(norm(name=f"bn{stage}{part}")(x))
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))


def _convolve(
    x: jax.Array,
    name: str,
    features: int,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    *,
    is_factorised: bool,
    conv: Callable[..., Any],
    norm: Callable[..., Any],
) -> jax.Array:
    """Applies a convolution or its factors, as layers of the calling module."""
    if not is_factorised:
        return conv(features, kernel_size, strides, name=f"{name}.temporal_spatial_conv")(x)
    names = (f"{name}.spatial_conv", f"{name}.bn", f"{name}.temporal_conv")
    return factorised(x, features, kernel_size, strides, names=names, conv=conv, norm=norm)


class _Block(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; the first convolution has the stride."""

    features: int
    strides: Sequence[int]
    convolve: Callable[..., jax.Array]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]."""
        y = self.convolve(x, "conv1", self.features, (3, 3, 3), self.strides)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.norm(name="bn2")(self.convolve(y, "conv2", self.features, (3, 3, 3), (1, 1, 1)))
        if x.shape != y.shape:
            x = self.convolve(x, "downsampleconv", self.features, (1, 1, 1), self.strides)
            x = self.norm(name="downsamplebn")(x)
        return nn.relu(x + y)


class VCOPResNet(nn.Module):
    """A ResNet with one basic block per stage, up to its pooled features.

    Attributes:
      factorised: Whether convolutions are (2+1)D.
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    factorised: bool = False
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, 512 width], float32."""
        conv = partial(Conv3D, kernel_init=torch_uniform, dtype=self.dtype)
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        convolve = partial(_convolve, is_factorised=self.factorised, conv=conv, norm=norm)
        x = convolve(clip, "conv1", scaled(64, self.width), (3, 7, 7), (1, 2, 2))
        x = nn.relu(norm(name="bn1")(x))
        for stage, features in enumerate((64, 128, 256, 512), start=2):
            strides = (1, 1, 1) if stage == 2 else (2, 2, 2)
            block = partial(_Block, scaled(features, self.width), strides, convolve, norm)
            x = block(name=f"conv{stage}.block1")(x)
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))


_vcop = partial(
    Backbone,
    source="Xu et al. 2019; xudejing/video-clip-order-prediction",
    licence="none given",
    normalisation=UNIT,
    head="linear",
)

BACKBONES: Mapping[str, Backbone] = {
    "vcop_c3d": _vcop(C3D),
    "vcop_r3d": _vcop(VCOPResNet, last_norm="bn2"),
    "vcop_r21d": _vcop(partial(VCOPResNet, factorised=True), last_norm="bn2"),
}
