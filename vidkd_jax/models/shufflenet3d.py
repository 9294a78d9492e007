"""3D ShuffleNet V2 (Ma et al. 2018) in the layout of Köpüklü et al.'s Efficient-3DCNNs.

A unit applies pointwise and depthwise convolutions to half of the channels, and then shuffles the
channels to mix the halves. The backbone does not include the dropout of 0.2 before the classifier.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.layers import Conv3D, batch_norm, stem_pool, torch_uniform
from vidkd_jax.models.normalisation import ACTIVITYNET_BGR

_STAGE_SIZES = (4, 8, 4)
_STEM = 24


class _Unit(nn.Module):
    """A unit. With stride 1, half of the channels go through `banch2`; with stride 2, all do.

    The names, including the spelling "banch", are those of the public checkpoints.
    """

    features: int
    stride: int
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]; c = features at stride 1."""
        if self.stride == 1:
            left, right = jnp.split(x, 2, axis=-1)
        else:
            left, right = self._pointwise(self._depthwise(x, "banch1", 0), "banch1", 2), x
        right = self._pointwise(right, "banch2", 0)
        right = self._pointwise(self._depthwise(right, "banch2", 3), "banch2", 5)
        return _shuffle(jnp.concatenate([left, right], axis=-1))

    def _pointwise(self, x: jax.Array, branch: str, place: int) -> jax.Array:
        """Applies a 1x1x1 convolution to half of the unit's output channels, norm and ReLU."""
        x = self.conv(self.features // 2, (1, 1, 1), name=f"{branch}.{place}")(x)
        return nn.relu(self.norm(name=f"{branch}.{place + 1}")(x))

    def _depthwise(self, x: jax.Array, branch: str, place: int) -> jax.Array:
        """Applies a depthwise 3x3x3 convolution with the stride of the unit, and norm."""
        channels, strides = x.shape[-1], (self.stride,) * 3
        conv = self.conv(channels, (3, 3, 3), strides, groups=channels, name=f"{branch}.{place}")
        return self.norm(name=f"{branch}.{place + 1}")(conv(x))


def _shuffle(x: jax.Array) -> jax.Array:
    """Interleaves the two halves of the channels."""
    halves = x.reshape(*x.shape[:-1], 2, -1)
    return jnp.swapaxes(halves, -1, -2).reshape(x.shape)


class ShuffleNet3D(nn.Module):
    """3D ShuffleNet V2 up to its pooled features.

    Attributes:
      channels: Number of channels of the three stages and of the last convolution.
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    channels: Sequence[int]
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, d], float32."""
        conv = partial(Conv3D, kernel_init=torch_uniform, dtype=self.dtype)
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        x = conv(scaled(_STEM, self.width), (3, 3, 3), (1, 2, 2), name="conv1.0")(clip)
        x = stem_pool(nn.relu(norm(name="conv1.1")(x)))
        *stages, last = self.channels
        units = [
            (2 * scaled(features // 2, self.width), 2 if index == 0 else 1)
            for features, size in zip(stages, _STAGE_SIZES, strict=True)
            for index in range(size)
        ]
        for number, (features, stride) in enumerate(units):
            x = _Unit(features, stride, conv, norm, name=f"features.{number}")(x)
        x = conv(scaled(last, self.width), (1, 1, 1), name="conv_last.0")(x)
        x = nn.relu(norm(name="conv_last.1")(x))
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))


# From Efficient-3DCNNs, models/shufflenetv2.py. Its Kinetics weights were trained on BGR frames, as
# OpenCV reads them.
_CHANNELS = {
    "0.25x": (32, 64, 128, 1024),
    "0.5x": (48, 96, 192, 1024),
    "1.0x": (116, 232, 464, 1024),
    "1.5x": (176, 352, 704, 1024),
    "2.0x": (224, 488, 976, 2048),
}

BACKBONES: Mapping[str, Backbone] = {
    f"shufflenet3d_v2_{size}": Backbone(
        partial(ShuffleNet3D, channels=channels),
        source="Köpüklü et al. 2019; okankop/Efficient-3DCNNs",
        licence="MIT",
        normalisation=ACTIVITYNET_BGR,
        head="classifier.1",
    )
    for size, channels in _CHANNELS.items()
}
