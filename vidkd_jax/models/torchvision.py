"""torchvision's video ResNets, and the R(2+1)D-34 of VMZ and ig65m in the same layout.

Tran et al. 2018: all convolutions of R3D are 3D; MC3 has 3D convolutions in the stem and the first
stage, and 2D convolutions after that; R(2+1)D factorises all convolutions. All have basic blocks, a
stem with stride 1x2x2 and no max-pool, and average pooling over time and space.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.factorised import factorised, middle_features
from vidkd_jax.models.layers import Conv3D, batch_norm
from vidkd_jax.models.normalisation import TORCHVISION_VIDEO

_STEM_MIDDLE = 45  # middle channels of the R(2+1)D stem, in torchvision and in VMZ


class _Stem(nn.Module):
    """A 3x7x7 convolution with stride 1x2x2, or its factors if `middle` is given."""

    features: int
    middle: int | None
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t, h/2, w/2, features]."""
        size, strides = (3, 7, 7), (1, 2, 2)
        if self.middle is None:
            x = self.conv(self.features, size, strides, name="0")(x)
            return nn.relu(self.norm(name="1")(x))
        x = factorised(
            x,
            self.features,
            size,
            strides,
            names=("0", "1", "3"),
            conv=self.conv,
            norm=self.norm,
            middle=self.middle,
        )
        return nn.relu(self.norm(name="4")(x))


class _Block(nn.Module):
    """Two convolutions and a shortcut; the first convolution has the stride.

    Attributes:
      features: Number of output channels.
      kernel_size: Size of both convolutions.
      strides: (t, h, w).
      factorised: Whether the convolutions are (2+1)D.
      shared_middle: Whether the second convolution has as many middle channels as the first, as in
        torchvision (pytorch/vision#1265), or its own number, as in the paper and VMZ.
      conv: Makes a convolution.
      norm: Makes a norm.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int]
    factorised: bool
    shared_middle: bool
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]."""
        first = middle_features(self.kernel_size, x.shape[-1], self.features)
        second = middle_features(self.kernel_size, self.features, self.features)
        y = self._convolve(x, "conv1.0", self.strides, first)
        y = nn.relu(self.norm(name="conv1.1")(y))
        y = self._convolve(y, "conv2.0", (1, 1, 1), first if self.shared_middle else second)
        y = self.norm(name="conv2.1")(y)
        if x.shape != y.shape:
            x = self.conv(self.features, (1, 1, 1), self.strides, name="downsample.0")(x)
            x = self.norm(name="downsample.1")(x)
        return nn.relu(x + y)

    def _convolve(self, x: jax.Array, name: str, strides: Sequence[int], middle: int) -> jax.Array:
        if not self.factorised:
            return self.conv(self.features, self.kernel_size, strides, name=name)(x)
        return factorised(
            x,
            self.features,
            self.kernel_size,
            strides,
            names=(f"{name}.0", f"{name}.1", f"{name}.3"),
            conv=self.conv,
            norm=self.norm,
            middle=middle,
        )


class VideoResNet(nn.Module):
    """A video ResNet up to its pooled features.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      taps: Length over time of the convolutions of each stage: 3, or 1 for 2D convolutions.
      factorised: Whether convolutions are (2+1)D.
      shared_middle: See `_Block`.
      epsilon: Epsilon of the norms.
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int] = (2, 2, 2, 2)
    taps: Sequence[int] = (3, 3, 3, 3)
    factorised: bool = False
    shared_middle: bool = True
    epsilon: float = 1e-5
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, 512 width], float32."""
        conv = partial(Conv3D, dtype=self.dtype)
        norm = partial(
            batch_norm,
            use_running_average=not train,
            dtype=self.dtype,
            epsilon=self.epsilon,
        )
        middle = scaled(_STEM_MIDDLE, self.width) if self.factorised else None
        x = _Stem(scaled(64, self.width), middle, conv, norm, name="stem")(clip)
        for stage, (num_blocks, taps) in enumerate(zip(self.stage_sizes, self.taps, strict=True)):
            for index in range(num_blocks):
                halve = stage > 0 and index == 0
                x = _Block(
                    features=scaled(64 * 2**stage, self.width),
                    kernel_size=(taps, 3, 3),
                    strides=(2 if taps > 1 else 1, 2, 2) if halve else (1, 1, 1),
                    factorised=self.factorised,
                    shared_middle=self.shared_middle,
                    conv=conv,
                    norm=norm,
                    name=f"layer{stage + 1}.{index}",
                )(x)
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))


_torchvision = partial(
    Backbone,
    source="Tran et al. 2018; pytorch/vision",
    licence="BSD-3-Clause",
    normalisation=TORCHVISION_VIDEO,
    last_norm="conv2.1",
)

BACKBONES: Mapping[str, Backbone] = {
    "r3d_18": _torchvision(VideoResNet),
    "mc3_18": _torchvision(partial(VideoResNet, taps=(3, 1, 1, 1))),
    "r2plus1d_18": _torchvision(partial(VideoResNet, factorised=True)),
    "ig65m_r2plus1d_34": Backbone(
        partial(
            VideoResNet,
            stage_sizes=(3, 4, 6, 3),
            factorised=True,
            shared_middle=False,
            epsilon=1e-3,
        ),
        source="Ghadiyaram et al. 2019; moabitcoin/ig65m-pytorch",
        licence="MIT",
        normalisation=TORCHVISION_VIDEO,
        last_norm="conv2.1",
        frames=32,
    ),
}
