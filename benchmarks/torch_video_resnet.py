"""torchvision's video ResNets in PyTorch, for the comparison of R(2+1)D in `benchmarks.on_gpu`.

The modules have the names of torchvision's weights. tests/parity tests that
`vidkd_jax.models.torchvision` computes the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


def _conv(
    c_in: int, c_out: int, size: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Conv3d:
    padding = tuple(length // 2 for length in size)
    return nn.Conv3d(c_in, c_out, size, stride, padding, bias=False)


def _middle_of(c_in: int, c_out: int) -> int:
    return c_in * c_out * 27 // (c_in * 9 + 3 * c_out)


def _factors(c_in: int, middle: int, c_out: int, stride: int) -> nn.Sequential:
    """Returns a factorised 3x3x3 convolution: over space, norm, ReLU, over time."""
    return nn.Sequential(
        _conv(c_in, middle, (1, 3, 3), (1, stride, stride)),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        _conv(middle, c_out, (3, 1, 1), (stride, 1, 1)),
    )


class _Block(nn.Module):
    def __init__(
        self, c_in: int, c_out: int, stride: int, kind: str, *, shared_middle: bool
    ) -> None:
        super().__init__()
        time_stride = 1 if kind == "2d" else stride

        def convolution(c_in: int, stride: int, middle: int) -> nn.Module:
            if kind == "2+1d":
                return _factors(c_in, middle, c_out, stride)
            taps = 3 if kind == "3d" else 1
            return _conv(c_in, c_out, (taps, 3, 3), (stride if taps == 3 else 1, stride, stride))

        first = _middle_of(c_in, c_out)
        second = first if shared_middle else _middle_of(c_out, c_out)
        self.conv1 = nn.Sequential(
            convolution(c_in, stride, first), nn.BatchNorm3d(c_out), nn.ReLU()
        )
        self.conv2 = nn.Sequential(convolution(c_out, 1, second), nn.BatchNorm3d(c_out))
        self.downsample: nn.Module = nn.Identity()
        if c_in != c_out:
            self.downsample = nn.Sequential(
                _conv(c_in, c_out, (1, 1, 1), (time_stride, stride, stride)), nn.BatchNorm3d(c_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu(self.conv2(self.conv1(x)) + self.downsample(x))


def _stem(in_channels: int, middle: int, features: int, *, factorised: bool) -> nn.Sequential:
    """Returns a 3x7x7 convolution with stride 1x2x2, or its factors, each with norm and ReLU."""
    norm, rectify = nn.BatchNorm3d(features), nn.ReLU()
    if not factorised:
        return nn.Sequential(_conv(in_channels, features, (3, 7, 7), (1, 2, 2)), norm, rectify)
    return nn.Sequential(
        _conv(in_channels, middle, (1, 7, 7), (1, 2, 2)),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        _conv(middle, features, (3, 1, 1)),
        norm,
        rectify,
    )


class VideoResNet(nn.Module):
    """Maps clips [b, 3, t, h, w] to logits [b, classes].

    Args of the constructor:
      kinds: Kind of the convolutions of each stage: "3d", "2d" or "2+1d".
      sizes: Number of blocks in each stage.
      shared_middle: Whether the second convolution of a block has as many middle channels as the
        first.
      eps: Epsilon of the norms.
      width: Factor on every number of channels.
      classes: Number of logits.
      in_channels: Number of channels of the clips.
    """

    def __init__(
        self,
        kinds: Sequence[str] = ("3d",) * 4,
        sizes: Sequence[int] = (2, 2, 2, 2),
        *,
        shared_middle: bool = True,
        eps: float = 1e-5,
        width: float = 1.0,
        classes: int = 5,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        features, middle = round(64 * width), round(45 * width)
        self.stem = _stem(in_channels, middle, features, factorised=kinds[0] == "2+1d")
        for stage, (kind, size) in enumerate(zip(kinds, sizes, strict=True), start=1):
            blocks = []
            for index in range(size):
                c_out = round(64 * 2 ** (stage - 1) * width)
                stride = 2 if stage > 1 and index == 0 else 1
                blocks.append(_Block(features, c_out, stride, kind, shared_middle=shared_middle))
                features = c_out
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(features, classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(x.mean((2, 3, 4)))


NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "r3d_18": {},
    "mc3_18": {"kinds": ("3d", "2d", "2d", "2d")},
    "r2plus1d_18": {"kinds": ("2+1d",) * 4},
    # Its port sets a momentum of 0.9, Caffe2's: of the old statistics, which is PyTorch's 0.1.
    "ig65m_r2plus1d_34": {
        "kinds": ("2+1d",) * 4,
        "sizes": (3, 4, 6, 3),
        "shared_middle": False,
        "eps": 1e-3,
    },
}
