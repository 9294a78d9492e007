"""X3D (Feichtenhofer 2020) in the layout of PyTorchVideo: small networks, made by expansion.

A block widens its channels by 2.25, convolves each of them by itself (depthwise, 3x3x3), and
narrows them again. Every second block, from the first of each stage on, weighs its channels by
squeeze-and-excitation (Hu et al. 2018). Nothing is strided over time. The backbone does not
include the dropout of 0.5 before the classifier.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.layers import Conv3D, batch_norm
from vidkd_jax.models.normalisation import CAFFE2

_STAGES = (24, 48, 96, 192)  # channels; the stem has as many as the first stage
_WIDER = 2.25  # channels of a block's middle to those of its end
_SQUEEZED = 16  # of a block's middle to those that squeeze-and-excitation has in between
_LAST = 2048


def _middle(features: int) -> int:
    """Returns the number of channels in the middle of a block, at width 1."""
    return int(_WIDER * features)


def _squeezed(middle: int) -> int:
    """Returns a sixteenth of the channels in steps of 8, at width 1.

    They are rounded to the nearest step, or up where that would be more than a tenth less.
    """
    wanted = middle / _SQUEEZED
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


class _Block(nn.Module):
    """A residual block.

    Attributes:
      features: Number of output channels at width 1.
      stride: Over height and width.
      excites: Whether it weighs its channels by squeeze-and-excitation.
      width: Factor on every number of channels.
      conv: Makes a convolution.
      norm: Makes a norm.
    """

    features: int
    stride: int
    excites: bool
    width: float
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t, h/s, w/s, features]."""
        middle, strides = scaled(_middle(self.features), self.width), (1, self.stride, self.stride)
        features = scaled(self.features, self.width)
        y = self.conv(middle, (1, 1, 1), name="branch2.conv_a")(x)
        y = nn.relu(self.norm(name="branch2.norm_a")(y))
        y = self.conv(middle, (3, 3, 3), strides, groups=middle, name="branch2.conv_b")(y)
        y = self.norm(name="branch2.norm_b.0")(y)
        if self.excites:
            y = y * self._weights(y)
        y = self.conv(features, (1, 1, 1), name="branch2.conv_c")(nn.swish(y))
        y = self.norm(name="branch2.norm_c")(y)
        if self.stride > 1 or x.shape[-1] != features:
            narrow = x.shape[-1] == features
            x = self.conv(features, (1, 1, 1), strides, name="branch1_conv")(x)
            x = x if narrow else self.norm(name="branch1_norm")(x)
        return nn.relu(x + y)

    def _weights(self, x: jax.Array) -> jax.Array:
        """Returns the weight of each channel of each clip, in (0, 1), [b, 1, 1, 1, c]."""
        squeezed = scaled(_squeezed(_middle(self.features)), self.width)
        conv = partial(self.conv, kernel_size=(1, 1, 1), use_bias=True)
        mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
        y = nn.relu(conv(squeezed, name="branch2.norm_b.1.block.0")(mean))
        return nn.sigmoid(conv(x.shape[-1], name="branch2.norm_b.1.block.2")(y))


class X3D(nn.Module):
    """X3D up to its pooled and projected features.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      width: Factor on every number of channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, 2048 width], float32."""
        conv = partial(Conv3D, dtype=self.dtype)
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        stem = scaled(_STAGES[0], self.width)
        # PyTorchVideo calls the convolution over space conv_t, and that over time conv_xy.
        x = conv(stem, (1, 3, 3), (1, 2, 2), name="blocks.0.conv.conv_t")(clip)
        x = conv(stem, (5, 1, 1), groups=stem, name="blocks.0.conv.conv_xy")(x)
        x = nn.relu(norm(name="blocks.0.norm")(x))
        for stage, (features, size) in enumerate(zip(_STAGES, self.stage_sizes, strict=True)):
            for index in range(size):
                x = _Block(
                    features=features,
                    stride=2 if index == 0 else 1,
                    excites=index % 2 == 0,
                    width=self.width,
                    conv=conv,
                    norm=norm,
                    name=f"blocks.{stage + 1}.res_blocks.{index}",
                )(x)
        middle = scaled(_middle(_STAGES[-1]), self.width)
        x = conv(middle, (1, 1, 1), name="blocks.5.pool.pre_conv")(x)
        x = nn.relu(norm(name="blocks.5.pool.pre_norm")(x))
        x = jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3), keepdims=True)
        x = conv(scaled(_LAST, self.width), (1, 1, 1), name="blocks.5.pool.post_conv")(x)
        return nn.relu(x)[:, 0, 0, 0].astype(jnp.float32)


_SMALL = (3, 5, 11, 7)  # of XS, S and M, which differ by their clips alone
# Frames and pixels of a clip (Feichtenhofer 2020, Table 1 and section 4).
_SIZES = {
    "x3d_xs": (_SMALL, 4, 160),
    "x3d_s": (_SMALL, 13, 160),
    "x3d_m": (_SMALL, 16, 224),
    "x3d_l": ((5, 10, 25, 15), 16, 312),
}

BACKBONES: Mapping[str, Backbone] = {
    name: Backbone(
        partial(X3D, stage_sizes=stage_sizes),
        source="Feichtenhofer 2020 (X3D); facebookresearch/pytorchvideo",
        licence="Apache-2.0",
        normalisation=CAFFE2,
        head="blocks.5.proj",
        last_norm="branch2.norm_c",
        frames=frames,
        size=size,
    )
    for name, (stage_sizes, frames, size) in _SIZES.items()
}
