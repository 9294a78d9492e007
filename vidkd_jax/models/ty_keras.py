"""The networks of TY's released code, which differ from those of its Table 2 (`resnet3d`).

They are pre-activation residual networks with Keras's conventions: TensorFlow's asymmetric "same"
padding, convolutions with biases, and BatchNorm with epsilon 1e-3 and momentum 0.99. A shortcut is
a convolution, without a norm, of the input of the block before its norm. Networks for clips of
224x224 pixels (`*_keras_224`) have a max-pool after the stem, which those for 112x112 lack; weights
of both have the same names and shapes. The classifier gets
T/8 x C5 features, as in the paper. These modules do not include the released code's dropout before
the classifier (0.5, only in networks 34 and 50).

The alphabetical order of the module names is the order in which the released code creates its
layers, because Keras files identify layers only by their order.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.layers import Conv3D, batch_norm
from vidkd_jax.models.pooling import max_pool

_SHORTCUT_INIT = nn.initializers.glorot_uniform()


def same_padding(
    shape: Sequence[int], kernel_size: Sequence[int], strides: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Returns TensorFlow's "same" padding (before, after) along t, h and w.

    `shape` is that of the input, [b, t, h, w, c]. If the padding is odd, the extra zero is after.
    """
    padding = []
    for length, size, stride in zip(shape[1:4], kernel_size, strides, strict=True):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        padding.append((total // 2, total - total // 2))
    return tuple(padding)


class _Block(nn.Module):
    """A pre-activation block. Its first convolution has the stride, also in a bottleneck.

    Attributes:
      features: Number of channels of the inner convolutions.
      strides: (t, h, w).
      bottleneck: Whether the block has 1x1x1, 3x3x3 and 1x1x1 (four times wider) convolutions,
        instead of two 3x3x3 convolutions.
      is_first: Whether this is the first block of the network, whose input is already normalised.
      conv: Makes a convolution.
      norm: Makes a norm.
    """

    features: int
    strides: Sequence[int]
    bottleneck: bool
    is_first: bool
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t/s, h/s, w/s, features or 4 features]."""
        layers = [((3, 3, 3), self.features), ((3, 3, 3), self.features)]
        if self.bottleneck:
            inner = [((1, 1, 1), self.features), ((3, 3, 3), self.features)]
            layers = [*inner, ((1, 1, 1), 4 * self.features)]
        y = x
        for number, (size, width) in enumerate(layers, start=1):
            if number > 1 or not self.is_first:
                y = nn.relu(self.norm(name=f"norm{number}")(y))
            strides = self.strides if number == 1 else (1, 1, 1)
            padding = same_padding(y.shape, size, strides)
            y = self.conv(width, size, strides, padding, name=f"conv{number}")(y)
        if x.shape != y.shape:
            shortcut = partial(self.conv, kernel_init=_SHORTCUT_INIT, name="shortcut_conv")
            x = shortcut(y.shape[-1], (1, 1, 1), self.strides)(x)
        return x + y


class PreActivationResNet3D(nn.Module):
    """TY's released network up to its pooled features.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      bottleneck: Whether blocks are bottlenecks; see `_Block`.
      pooled: Whether a max-pool of 3x3x3 with stride 1x2x2 follows the stem.
      width: Factor on 64, 128, 256 and 512 channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    bottleneck: bool = False
    pooled: bool = False
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, ceil(t/8) * C5], float32."""
        conv = partial(
            Conv3D, use_bias=True, kernel_init=nn.initializers.he_normal(), dtype=self.dtype
        )
        norm = partial(
            batch_norm,
            use_running_average=not train,
            epsilon=1e-3,
            momentum=0.99,
            dtype=self.dtype,
        )
        size, strides = (7, 7, 7), (1, 2, 2)
        padding = same_padding(clip.shape, size, strides)
        x = conv(scaled(64, self.width), size, strides, padding, name="stage1_conv")(clip)
        x = nn.relu(norm(name="stage1_norm")(x))
        if self.pooled:
            size = (3, 3, 3)
            x = max_pool(x, size, strides, same_padding(x.shape, size, strides))
        for stage, num_blocks in enumerate(self.stage_sizes):
            for index in range(num_blocks):
                halve = stage > 0 and index == 0
                x = _Block(
                    features=scaled(64 * 2**stage, self.width),
                    strides=(2, 2, 2) if halve else (1, 1, 1),
                    bottleneck=self.bottleneck,
                    is_first=stage == 0 and index == 0,
                    conv=conv,
                    norm=norm,
                    name=f"stage{stage + 2}_block{index + 1}",
                )(x)
        x = nn.relu(norm(name="tail_norm")(x))
        pooled = jnp.mean(x.astype(jnp.float32), axis=(2, 3))  # [b, t/8, C5]
        return pooled.reshape(pooled.shape[0], -1)


_SIZES: Mapping[str, Mapping[str, Any]] = {
    "18": {"stage_sizes": (2, 2, 2, 2)},
    "34": {"stage_sizes": (3, 4, 6, 3)},
    "50": {"stage_sizes": (3, 4, 6, 3), "bottleneck": True},
}


def _backbone(depth: str, *, pooled: bool) -> Backbone:
    size = 224 if pooled else 112
    return Backbone(
        partial(PreActivationResNet3D, **_SIZES[depth], pooled=pooled),
        source="TY's released code, vdquang1991/Self-KD",
        licence="none given",
        size=size,
        files=f"TY's .h5 files for clips of {size}x{size} pixels",
    )


BACKBONES: Mapping[str, Backbone] = {
    **{f"ty_r3d_{depth}_keras": _backbone(depth, pooled=False) for depth in _SIZES},
    **{f"ty_r3d_{depth}_keras_224": _backbone(depth, pooled=True) for depth in _SIZES},
}
