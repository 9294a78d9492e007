"""PyTorchVideo's X3D in PyTorch, for the comparison in `benchmarks.train_step`.

The modules have the names of the public weights. tests/parity tests that `vidkd_jax.models.x3d`
computes the same.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import relu, silu

DEPTHS = {"x3d_s": (3, 5, 11, 7), "x3d_l": (5, 10, 25, 15)}
# At width 1: of a stage's end, of its blocks' middle, and of squeeze-and-excitation in between.
CHANNELS = ((24, 54, 8), (48, 108, 8), (96, 216, 16), (192, 432, 32))


def _point(c_in: int, c_out: int, stride: int = 1, *, bias: bool = False) -> nn.Conv3d:
    return nn.Conv3d(c_in, c_out, 1, (1, stride, stride), bias=bias)


class _Excitation(nn.Module):
    def __init__(self, c: int, squeezed: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            _point(c, squeezed, bias=True), nn.ReLU(), _point(squeezed, c, bias=True), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.block(x.mean((2, 3, 4), keepdim=True))


class _Bottleneck(nn.Module):
    def __init__(self, c_in: int, c_out: int, middle: int, squeezed: int, stride: int) -> None:
        super().__init__()
        self.conv_a, self.norm_a = _point(c_in, middle), nn.BatchNorm3d(middle)
        self.conv_b = nn.Conv3d(
            middle, middle, 3, (1, stride, stride), 1, groups=middle, bias=False
        )
        excitation = _Excitation(middle, squeezed) if squeezed else nn.Identity()
        self.norm_b = nn.Sequential(nn.BatchNorm3d(middle), excitation)
        self.conv_c, self.norm_c = _point(middle, c_out), nn.BatchNorm3d(c_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = relu(self.norm_a(self.conv_a(x)))
        return self.norm_c(self.conv_c(silu(self.norm_b(self.conv_b(x)))))


class _Block(nn.Module):
    def __init__(self, c_in: int, c_out: int, middle: int, squeezed: int, stride: int) -> None:
        super().__init__()
        self.branch2 = _Bottleneck(c_in, c_out, middle, squeezed, stride)
        self.branch1_conv = _point(c_in, c_out, stride) if stride > 1 or c_in != c_out else None
        self.branch1_norm = nn.BatchNorm3d(c_out) if c_in != c_out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.branch2(x)
        x = self.branch1_conv(x) if self.branch1_conv else x
        return relu(y + (self.branch1_norm(x) if self.branch1_norm else x))


class _Factors(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv_t = nn.Conv3d(3, c, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.conv_xy = nn.Conv3d(c, c, (5, 1, 1), 1, (2, 0, 0), groups=c, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_xy(self.conv_t(x))


class _Stem(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv, self.norm = _Factors(c), nn.BatchNorm3d(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.norm(self.conv(x)))


class _Stage(nn.Module):
    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.res_blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.res_blocks(x)


class _Pool(nn.Module):
    def __init__(self, c_in: int, middle: int, c_out: int) -> None:
        super().__init__()
        self.pre_conv, self.pre_norm = _point(c_in, middle), nn.BatchNorm3d(middle)
        self.post_conv = _point(middle, c_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = relu(self.pre_norm(self.pre_conv(x))).mean((2, 3, 4), keepdim=True)
        return relu(self.post_conv(x)).flatten(1)


class _Head(nn.Module):
    """Without dropout, because two programs never draw the same dropout."""

    def __init__(self, c_in: int, middle: int, c_out: int, classes: int) -> None:
        super().__init__()
        self.pool, self.proj = _Pool(c_in, middle, c_out), nn.Linear(c_out, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(self.pool(x))


class X3D(nn.Module):
    """X3D from clips [b, c, t, h, w] to logits; `width` scales every number of channels."""

    def __init__(self, depths: Sequence[int], *, width: float = 1.0, classes: int = 5) -> None:
        super().__init__()
        c_in = round(24 * width)
        stages = []
        for depth, channels in zip(depths, CHANNELS, strict=True):
            c_out, middle, squeezed = (round(c * width) for c in channels)
            blocks = []
            for index in range(depth):
                excites = squeezed if index % 2 == 0 else 0
                blocks.append(_Block(c_in, c_out, middle, excites, 2 if index == 0 else 1))
                c_in = c_out
            stages.append(_Stage(blocks))
        head = _Head(c_in, middle, round(2048 * width), classes)
        self.blocks = nn.Sequential(_Stem(round(24 * width)), *stages, head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the logits, [b, classes]."""
        return self.blocks(x)
