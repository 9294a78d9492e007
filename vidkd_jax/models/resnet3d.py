"""The 3D ResNets of TY's Table 2 (`ty_r3d_18`, `_50`), with activations after the convolutions.

`ty_r3d_34` is a teacher of TY's Table 5, and Table 2 does not have it: the blocks of the first in
the numbers of the second, as in Hara et al. 2018. `ty_r3d_10` has one block a stage: the smallest
depth, for slow machines and for tests.

They have a 7x7x7 stem with stride 1x2x2 and no max-pool, and four stages. The first convolution of
each of the last three stages halves time, height and width. Average pooling is over space only, so
the classifier gets T/8 x C5 features, as in the last rows of the table.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.layers import Conv3D, batch_norm


def _residual(x: jax.Array, y: jax.Array, block: nn.Module, norm: Callable[..., Any]) -> jax.Array:
    """Adds the shortcut: the identity, or a strided 1x1x1 convolution if the shape changes."""
    if x.shape != y.shape:
        conv = Conv3D(
            y.shape[-1], (1, 1, 1), block.strides, dtype=block.dtype, name="shortcut_conv"
        )
        x = norm(name="shortcut_norm")(conv(x))
    return nn.relu(x + y)


class BasicBlock(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; the first convolution has the stride."""

    features: int
    strides: Sequence[int]
    dtype: Any
    expansion = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features]."""
        norm = _norm(train=train, dtype=self.dtype)
        y = Conv3D(self.features, strides=self.strides, dtype=self.dtype, name="conv1")(x)
        y = nn.relu(norm(name="norm1")(y))
        y = Conv3D(self.features, dtype=self.dtype, name="conv2")(y)
        return _residual(x, norm(name="norm2")(y), self, norm)


class BottleneckBlock(nn.Module):
    """1x1x1, 3x3x3 and 1x1x1 (four times wider) convolutions and a shortcut.

    The first convolution has the stride, as in TY's section III.D and its released code. (In Hara
    et al. the 3x3x3 convolution has it; the shapes are the same.)
    """

    features: int
    strides: Sequence[int]
    dtype: Any
    expansion = 4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, 4 features]."""
        norm = _norm(train=train, dtype=self.dtype)
        y = Conv3D(self.features, (1, 1, 1), self.strides, dtype=self.dtype, name="conv1")(x)
        y = nn.relu(norm(name="norm1")(y))
        y = Conv3D(self.features, dtype=self.dtype, name="conv2")(y)
        y = nn.relu(norm(name="norm2")(y))
        y = Conv3D(4 * self.features, (1, 1, 1), dtype=self.dtype, name="conv3")(y)
        return _residual(x, norm(name="norm3")(y), self, norm)


def _norm(*, train: bool, dtype: Any) -> Callable[..., Any]:
    return lambda name: batch_norm(use_running_average=not train, dtype=dtype, name=name)


class ResNet3D(nn.Module):
    """A 3D ResNet up to its pooled features.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      block: `BasicBlock` or `BottleneckBlock`.
      width: Factor on the paper's 64, 128, 256 and 512 channels.
      stem_kernel: Size of the stem convolution, (t, h, w).
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    block: Callable[..., nn.Module]
    width: float = 1.0
    stem_kernel: Sequence[int] = (7, 7, 7)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c] to features [b, ceil(t/8) * C5], float32.

        Args:
          clip: Normalised clips.
          train: Whether BatchNorm uses batch statistics and updates the running ones, or uses the
            running ones.
        """
        norm = _norm(train=train, dtype=self.dtype)
        stem_features = scaled(64, self.width)
        x = Conv3D(stem_features, self.stem_kernel, (1, 2, 2), dtype=self.dtype, name="stem")(clip)
        x = nn.relu(norm(name="stem_norm")(x))
        for stage, num_blocks in enumerate(self.stage_sizes):
            for index in range(num_blocks):
                halve = stage > 0 and index == 0
                x = self.block(
                    features=stem_features * 2**stage,
                    strides=(2, 2, 2) if halve else (1, 1, 1),
                    dtype=self.dtype,
                    name=f"stage{stage + 2}_block{index + 1}",  # the paper counts stages from 2
                )(x, train=train)
        pooled = jnp.mean(x.astype(jnp.float32), axis=(2, 3))  # [b, t/8, C5]
        return pooled.reshape(pooled.shape[0], -1)


_SOURCE = "TY, Table 2"

BACKBONES: Mapping[str, Backbone] = {
    "ty_r3d_10": Backbone(  # the smallest depth of Hara et al. 2018, of TY's blocks
        partial(ResNet3D, stage_sizes=(1, 1, 1, 1), block=BasicBlock),
        source="Hara et al. 2018",
        last_norm="norm2",
    ),
    "ty_r3d_18": Backbone(
        partial(ResNet3D, stage_sizes=(2, 2, 2, 2), block=BasicBlock),
        source=_SOURCE,
        last_norm="norm2",
    ),
    "ty_r3d_34": Backbone(
        partial(ResNet3D, stage_sizes=(3, 4, 6, 3), block=BasicBlock),
        source="TY, Table 5",
        last_norm="norm2",
    ),
    "ty_r3d_50": Backbone(
        partial(ResNet3D, stage_sizes=(3, 4, 6, 3), block=BottleneckBlock),
        source=_SOURCE,
        last_norm="norm3",
    ),
}
