"""Efficient-3DCNNs' 3D ShuffleNet V2, in PyTorch, with the names of its public weights."""

import torch
from torch import nn
from torch.nn.functional import relu

CHANNELS = {
    "shufflenet3d_v2_0.25x": (32, 64, 128, 1024),
    "shufflenet3d_v2_0.5x": (48, 96, 192, 1024),
    "shufflenet3d_v2_1.0x": (116, 232, 464, 1024),
    "shufflenet3d_v2_1.5x": (176, 352, 704, 1024),
    "shufflenet3d_v2_2.0x": (224, 488, 976, 2048),
}


def point(c_in, c_out):
    return [nn.Conv3d(c_in, c_out, 1, bias=False), nn.BatchNorm3d(c_out), nn.ReLU()]


def depthwise(c, stride):
    return [nn.Conv3d(c, c, 3, stride, 1, groups=c, bias=False), nn.BatchNorm3d(c)]


class Unit(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        half = c_out // 2
        self.halve = stride == 2
        if self.halve:
            self.banch1 = nn.Sequential(*depthwise(c_in, 2), *point(c_in, half))
        self.banch2 = nn.Sequential(
            *point(c_in if self.halve else half, half),
            *depthwise(half, stride),
            *point(half, half),
        )

    def forward(self, x):
        if self.halve:
            y = torch.cat([self.banch1(x), self.banch2(x)], 1)
        else:
            left, right = x.chunk(2, 1)
            y = torch.cat([left, self.banch2(right)], 1)
        return y.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


class ShuffleNet(nn.Module):
    """ShuffleNet without dropout, because two programs never draw the same dropout."""

    def __init__(self, channels, *, width=1.0, classes=5):
        super().__init__()
        c_in = round(24 * width)
        self.conv1 = nn.Sequential(
            nn.Conv3d(3, c_in, 3, (1, 2, 2), 1, bias=False), nn.BatchNorm3d(c_in)
        )
        units = []
        for features, size in zip(channels, (4, 8, 4), strict=False):
            c_out = 2 * round(features // 2 * width)
            for index in range(size):
                units.append(Unit(c_in, c_out, 2 if index == 0 else 1))
                c_in = c_out
        self.features = nn.Sequential(*units)
        last = round(channels[-1] * width)
        self.conv_last = nn.Sequential(*point(c_in, last))
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(last, classes))

    def forward(self, x):
        x = torch.max_pool3d(relu(self.conv1(x)), 3, 2, 1)
        return self.classifier(self.conv_last(self.features(x)).mean((2, 3, 4)))
