"""The networks of Hara et al.'s 3D-ResNets-PyTorch, which MARS and many other projects use.

Hara et al. 2018: ResNets and ResNeXt with a 7x7x7 stem, a max-pool over time and space, and the
stride of a bottleneck on its 3x3x3 convolution, and R(2+1)D networks of the same shape.
`hara_r3d_18_a` and `hara_r3d_34_a` have shortcuts without parameters (type A), like the weights of
2018. The other networks have strided 1x1x1 convolutions as shortcuts (type B).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.factorised import factorised
from vidkd_jax.models.layers import Conv3D, batch_norm, stem_pool
from vidkd_jax.models.normalisation import ACTIVITYNET, KINETICS


@dataclasses.dataclass(frozen=True)
class _Layers:
    """The settings that the layers of a network share.

    The layers that its methods make become layers of the calling module.

    Attributes:
      conv: Makes a convolution.
      norm: Makes a norm.
      factorised: Whether convolutions over time and space are (2+1)D.
      shortcut: "A" or "B".
    """

    conv: Callable[..., Any]
    norm: Callable[..., Any]
    factorised: bool
    shortcut: str

    def convolve(
        self,
        x: jax.Array,
        number: int,
        features: int,
        strides: Sequence[int],
        *,
        kernel_size: Sequence[int] = (3, 3, 3),
        groups: int = 1,
    ) -> jax.Array:
        """Applies convolution `number` of a module (as factors if (2+1)D), and then its norm."""
        if not self.factorised or tuple(kernel_size) == (1, 1, 1):
            conv = self.conv(features, kernel_size, strides, groups=groups, name=f"conv{number}")
            return self.norm(name=f"bn{number}")(conv(x))
        names = (f"conv{number}_s", f"bn{number}_s", f"conv{number}_t")
        parts: dict[str, Any] = {"conv": self.conv, "norm": self.norm}
        x = factorised(x, features, kernel_size, strides, names=names, **parts)
        return self.norm(name=f"bn{number}_t")(x)

    def add_shortcut(self, x: jax.Array, y: jax.Array, strides: Sequence[int]) -> jax.Array:
        """Adds the input x of a block to the output y of its convolutions, and applies ReLU."""
        if x.shape == y.shape:
            return nn.relu(x + y)
        if self.shortcut == "A":
            st, sh, sw = strides
            # The public code pads `.data`, so no gradient flows through these shortcuts.
            x = jax.lax.stop_gradient(x[:, ::st, ::sh, ::sw])
            x = jnp.pad(x, [(0, 0)] * 4 + [(0, y.shape[-1] - x.shape[-1])])
        else:
            x = self.conv(y.shape[-1], (1, 1, 1), strides, name="downsample.0")(x)
            x = self.norm(name="downsample.1")(x)
        return nn.relu(x + y)


class _BasicBlock(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; the first convolution has the stride."""

    features: int
    strides: Sequence[int]
    layers: _Layers

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]."""
        y = nn.relu(self.layers.convolve(x, 1, self.features, self.strides))
        y = self.layers.convolve(y, 2, self.features, (1, 1, 1))
        return self.layers.add_shortcut(x, y, self.strides)


class _Bottleneck(nn.Module):
    """1x1x1, 3x3x3 and 1x1x1 convolutions; the second has the stride and the groups of ResNeXt."""

    features: int
    middle: int
    groups: int
    strides: Sequence[int]
    layers: _Layers

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]."""
        convolve, point, ones = self.layers.convolve, (1, 1, 1), (1, 1, 1)
        y = nn.relu(convolve(x, 1, self.middle, ones, kernel_size=point))
        y = nn.relu(convolve(y, 2, self.middle, self.strides, groups=self.groups))
        y = convolve(y, 3, self.features, ones, kernel_size=point)
        return self.layers.add_shortcut(x, y, self.strides)


class HaraResNet(nn.Module):
    """A network of 3D-ResNets-PyTorch up to its pooled features.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      planes: Number of channels of the 3x3x3 convolutions in the first stage; doubles with each
        stage.
      expansion: Output channels of a block divided by the channels of its 3x3x3 convolutions. 1
        means basic blocks, any other number means bottlenecks.
      cardinality: Number of groups of the 3x3x3 convolution in a bottleneck. If it does not divide
        the number of channels that `width` leaves, their greatest common divisor is used.
      factorised: Whether convolutions are (2+1)D.
      shortcut: "A" (zeros for the new channels) or "B" (a strided 1x1x1 convolution).
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    planes: int = 64
    expansion: int = 1
    cardinality: int = 1
    factorised: bool = False
    shortcut: str = "B"
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, d], float32."""
        conv = partial(Conv3D, dtype=self.dtype)
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        layers = _Layers(conv, norm, self.factorised, self.shortcut)
        x = layers.convolve(clip, 1, scaled(64, self.width), (1, 2, 2), kernel_size=(7, 7, 7))
        x = stem_pool(nn.relu(x))
        for stage, num_blocks in enumerate(self.stage_sizes):
            for index in range(num_blocks):
                strides = (2, 2, 2) if stage > 0 and index == 0 else (1, 1, 1)
                x = self._block(stage, strides, layers, f"layer{stage + 1}.{index}")(x)
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))

    def _block(self, stage: int, strides: Sequence[int], layers: _Layers, name: str) -> nn.Module:
        planes = self.planes * 2**stage
        middle, features = scaled(planes, self.width), scaled(planes * self.expansion, self.width)
        if self.expansion == 1:
            return _BasicBlock(features, strides, layers, name=name)
        groups = math.gcd(self.cardinality, middle)
        return _Bottleneck(features, middle, groups, strides, layers, name=name)


_18, _34, _101 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3)
_bottlenecks = partial(HaraResNet, expansion=4)
_hara = partial(Backbone, source="Hara et al. 2018; kenshohara/3D-ResNets-PyTorch", licence="MIT")
_of_2020 = partial(_hara, normalisation=KINETICS)
_of_2018 = partial(_hara, normalisation=ACTIVITYNET)

BACKBONES: Mapping[str, Backbone] = {
    "hara_r3d_18": _of_2020(partial(HaraResNet, stage_sizes=_18), last_norm="bn2"),
    "hara_r3d_18_a": _of_2018(partial(HaraResNet, stage_sizes=_18, shortcut="A"), last_norm="bn2"),
    "hara_r3d_34": _of_2020(partial(HaraResNet, stage_sizes=_34), last_norm="bn2"),
    "hara_r3d_34_a": _of_2018(partial(HaraResNet, stage_sizes=_34, shortcut="A"), last_norm="bn2"),
    "hara_r3d_50": _of_2020(partial(_bottlenecks, stage_sizes=_34), last_norm="bn3"),
    "hara_r3d_101": _of_2020(partial(_bottlenecks, stage_sizes=_101), last_norm="bn3"),
    "hara_r2plus1d_18": _of_2020(
        partial(HaraResNet, stage_sizes=_18, factorised=True), last_norm="bn2_t"
    ),
    "hara_r2plus1d_34": _of_2020(
        partial(HaraResNet, stage_sizes=_34, factorised=True), last_norm="bn2_t"
    ),
    "hara_r2plus1d_50": _of_2020(
        partial(_bottlenecks, stage_sizes=_34, factorised=True), last_norm="bn3"
    ),
    # This is also the network of MARS, for RGB and (with two input channels) for flow.
    "hara_resnext_101": _of_2018(
        partial(HaraResNet, stage_sizes=_101, planes=128, expansion=2, cardinality=32),
        last_norm="bn3",
    ),
}
