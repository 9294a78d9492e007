"""Image ResNets over the frames of a clip: `tsn_*` frame by frame, `i3d_*` inflated over time.

Both are networks in the layout of torchvision's image ResNets, with a time axis in their kernels.
In TSN (Wang et al. 2016) this axis has length 1, and the features of the frames, one frame per
segment, are averaged. In I3D it has length 5 in the stem and 3 in the first convolution of about
every other block (Wang et al. 2018, "Non-local neural networks", table 1). Blocks, strides and
pools of I3D are those of `i3d_r50` in open-mmlab/mmaction2, so its weights fit.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.errors import InputError
from vidkd_jax.models.backbone import Backbone, scaled
from vidkd_jax.models.layers import Conv3D, batch_norm
from vidkd_jax.models.normalisation import CAFFE2, IMAGENET
from vidkd_jax.models.pooling import max_pool


class _Block(nn.Module):
    """A residual block of 2D convolutions. The first 3x3 convolution has the stride.

    Attributes:
      features: Number of channels of the inner convolutions.
      stride: Stride over height and width.
      taps: Length over time of the first convolution.
      bottleneck: Whether the block has 1x1, 3x3 and 1x1 (four times wider) convolutions, instead of
        two 3x3 convolutions.
      conv: Makes a convolution.
      norm: Makes a norm.
    """

    features: int
    stride: int
    taps: int
    bottleneck: bool
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, t, h, w, c] to [b, t, h/s, w/s, features or 4 features]."""
        layers = [(3, self.stride, self.features), (3, 1, self.features)]
        if self.bottleneck:
            inner = [(1, 1, self.features), (3, self.stride, self.features)]
            layers = [*inner, (1, 1, 4 * self.features)]
        y = x
        for number, (size, stride, features) in enumerate(layers, start=1):
            kernel_size = (self.taps if number == 1 else 1, size, size)
            y = self.conv(features, kernel_size, (1, stride, stride), name=f"conv{number}")(y)
            y = self.norm(name=f"bn{number}")(y)
            y = nn.relu(y) if number < len(layers) else y
        if x.shape != y.shape:
            strides = (1, self.stride, self.stride)
            x = self.conv(y.shape[-1], (1, 1, 1), strides, name="downsample.0")(x)
            x = self.norm(name="downsample.1")(x)
        return nn.relu(x + y)


class FrameResNet(nn.Module):
    """An image ResNet over clips, up to its features averaged over time and space.

    Attributes:
      stage_sizes: Number of blocks in each of the four stages.
      bottleneck: Whether blocks are bottlenecks; see `_Block`.
      inflated: Whether kernels extend over time, and 8 frames are reduced to 1 (I3D).
      pool: Of I3D: the first max-pool. "padded": 1x3x3 with a padding of 1 in space (mmaction2).
        "unpadded": 2x3x3 without padding (Wang et al.'s Caffe2 code). Both have stride 2.
      width: Factor on 64, 128, 256 and 512 channels.
      dtype: Compute dtype; parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    bottleneck: bool = False
    inflated: bool = False
    pool: str = "padded"
    width: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips [b, t, h, w, c], normalised, to features [b, d], float32.

        Raises:
          InputError: The network is inflated and the clips have so few frames that none would be
            left after pooling.
        """
        least = 7 if self.pool == "unpadded" else 5
        if self.inflated and clip.shape[1] < least:
            raise InputError(
                f"data.frames: {clip.shape[1]} frames are too few for I3D; use at least {least}"
            )
        conv = partial(Conv3D, dtype=self.dtype)
        norm = partial(batch_norm, use_running_average=not train, dtype=self.dtype)
        taps, halving = (5, 2) if self.inflated else (1, 1)
        x = conv(scaled(64, self.width), (taps, 7, 7), (halving, 2, 2), name="conv1")(clip)
        x = nn.relu(norm(name="bn1")(x))
        if self.pool == "unpadded":
            x = max_pool(x, (2, 3, 3), (2, 2, 2))
        else:
            x = max_pool(x, (1, 3, 3), (halving, 2, 2), ((0, 0), (1, 1), (1, 1)))
        for stage, num_blocks in enumerate(self.stage_sizes):
            for index in range(num_blocks):
                x = _Block(
                    features=scaled(64 * 2**stage, self.width),
                    stride=2 if stage > 0 and index == 0 else 1,
                    taps=3 if self.inflated and _reaches_over_time(stage, index) else 1,
                    bottleneck=self.bottleneck,
                    conv=conv,
                    norm=norm,
                    name=f"layer{stage + 1}.{index}",
                )(x)
            if self.inflated and stage == 0:
                x = max_pool(x, (2, 1, 1), (2, 1, 1))
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3))


def _reaches_over_time(stage: int, index: int) -> bool:
    """Returns whether I3D inflates a block: all blocks of the first stage, then every other one."""
    return stage == 0 or (index % 2 == 1 if stage == 3 else index % 2 == 0)


_backbone = partial(Backbone, licence="BSD-3-Clause", normalisation=IMAGENET, size=224)
_tsn = partial(
    _backbone,
    source="Wang et al. 2016 (TSN); pytorch/vision's ResNets",
    frames=3,
    frame_by_frame=True,
)
_i3d = partial(_backbone, source="Wang et al. 2018; pytorch/vision's ResNets inflated", frames=32)
_RESNET_18, _RESNET_50, _RESNET_101 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3)
_inflated = partial(FrameResNet, bottleneck=True, inflated=True)

BACKBONES: Mapping[str, Backbone] = {
    "tsn_resnet18": _tsn(partial(FrameResNet, stage_sizes=_RESNET_18), last_norm="bn2"),
    "tsn_resnet50": _tsn(
        partial(FrameResNet, stage_sizes=_RESNET_50, bottleneck=True), last_norm="bn3"
    ),
    "i3d_resnet50": _i3d(
        partial(_inflated, stage_sizes=_RESNET_50), last_norm="bn3", files="mmaction2's I3D"
    ),
    "i3d_resnet50_caffe2": Backbone(
        partial(_inflated, stage_sizes=_RESNET_50, pool="unpadded"),
        source="Wang et al. 2018; Tushar-N/pytorch-resnet3d",
        licence="none given",
        normalisation=CAFFE2,
        last_norm="bn3",
        frames=32,
        size=224,
        files="Wang et al.'s I3D, ported by Tushar-N/pytorch-resnet3d",
    ),
    "i3d_resnet101": _i3d(
        partial(_inflated, stage_sizes=_RESNET_101), last_norm="bn3", files="mmaction2's I3D"
    ),
}
