"""The backbones of VCOP and PCL, in PyTorch, with the names of their public weights."""

import torch
from torch import nn
from torch.nn.functional import relu


class C3D(nn.Module):
    def __init__(self, *, width=1.0, classes=5):
        super().__init__()
        stages = {"1": 64, "2": 128, "3a": 256, "3b": 256}
        stages |= {"4a": 512, "4b": 512, "5a": 512, "5b": 512}
        self.names, c_in = list(stages), 3
        for name, features in stages.items():
            c_out = round(features * width)
            setattr(self, f"conv{name}", nn.Conv3d(c_in, c_out, 3, padding=1))
            setattr(self, f"bn{name}", nn.BatchNorm3d(c_out))
            c_in = c_out
        self.linear = nn.Linear(c_in, classes)

    def forward(self, x):
        for name in self.names:
            if name == "2":
                x = torch.max_pool3d(x, (1, 2, 2), (1, 2, 2))
            if name in ("3a", "4a", "5a"):
                x = torch.max_pool3d(x, 2, 2)
            x = relu(getattr(self, f"bn{name}")(getattr(self, f"conv{name}")(x)))
        return self.linear(x.mean((2, 3, 4)))


class Convolution(nn.Module):
    """A convolution without bias; with `split`, its factors: over space, norm, ReLU, over time."""

    def __init__(self, c_in, c_out, size, stride, split):
        super().__init__()
        (kt, kh, kw), (st, sh, sw) = size, stride
        self.split = split
        if not split:
            padding = (kt // 2, kh // 2, kw // 2)
            self.temporal_spatial_conv = nn.Conv3d(c_in, c_out, size, stride, padding, bias=False)
            return
        middle = kt * kh * kw * c_in * c_out // (kh * kw * c_in + kt * c_out)
        self.spatial_conv = nn.Conv3d(
            c_in, middle, (1, kh, kw), (1, sh, sw), (0, kh // 2, kw // 2), bias=False
        )
        self.bn = nn.BatchNorm3d(middle)
        self.temporal_conv = nn.Conv3d(
            middle, c_out, (kt, 1, 1), (st, 1, 1), (kt // 2, 0, 0), bias=False
        )

    def forward(self, x):
        if not self.split:
            return self.temporal_spatial_conv(x)
        return self.temporal_conv(relu(self.bn(self.spatial_conv(x))))


class Block(nn.Module):
    def __init__(self, c_in, c_out, split):
        super().__init__()
        stride, three, one = (1 if c_in == c_out else 2,) * 3, (3, 3, 3), (1, 1, 1)
        self.conv1 = Convolution(c_in, c_out, three, stride, split)
        self.bn1 = nn.BatchNorm3d(c_out)
        self.conv2 = Convolution(c_out, c_out, three, one, split)
        self.bn2 = nn.BatchNorm3d(c_out)
        self.changes = c_in != c_out
        if self.changes:
            self.downsampleconv = Convolution(c_in, c_out, one, stride, split)
            self.downsamplebn = nn.BatchNorm3d(c_out)

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if self.changes:
            x = self.downsamplebn(self.downsampleconv(x))
        return relu(x + y)


class ResNet(nn.Module):
    def __init__(self, *, split, width=1.0, classes=5):
        super().__init__()
        c_in = round(64 * width)
        self.conv1 = Convolution(3, c_in, (3, 7, 7), (1, 2, 2), split)
        self.bn1 = nn.BatchNorm3d(c_in)
        for stage in range(2, 6):
            c_out = round(64 * 2 ** (stage - 2) * width)
            stage_module = nn.Module()
            stage_module.block1 = Block(c_in, c_out, split)
            setattr(self, f"conv{stage}", stage_module)
            c_in = c_out
        self.linear = nn.Linear(c_in, classes)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        for stage in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = stage.block1(x)
        return self.linear(x.mean((2, 3, 4)))


def network(name, **options):
    """Returns the network with our name for it."""
    return C3D(**options) if name == "vcop_c3d" else ResNet(split=name == "vcop_r21d", **options)
