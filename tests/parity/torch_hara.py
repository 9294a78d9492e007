"""The networks of 3D-ResNets-PyTorch, in PyTorch, with the names of their public weights."""

import math

import torch
from torch import nn
from torch.nn.functional import pad, relu


class Convolution:
    """Adds a convolution (with `split`, its factors) and its norm to a module, and applies them."""

    def __init__(
        self, module, number, c_in, c_out, size=3, stride=(1, 1, 1), groups=1, split=False
    ):
        self.module, self.number, self.split = module, number, split
        half = size // 2
        if not split:
            conv = nn.Conv3d(c_in, c_out, size, stride, half, groups=groups, bias=False)
            setattr(module, f"conv{number}", conv)
            setattr(module, f"bn{number}", nn.BatchNorm3d(c_out))
            return
        middle = size**3 * c_in * c_out // (size**2 * c_in + size * c_out)
        space = nn.Conv3d(
            c_in, middle, (1, size, size), (1, *stride[1:]), (0, half, half), bias=False
        )
        time = nn.Conv3d(middle, c_out, (size, 1, 1), (stride[0], 1, 1), (half, 0, 0), bias=False)
        setattr(module, f"conv{number}_s", space)
        setattr(module, f"bn{number}_s", nn.BatchNorm3d(middle))
        setattr(module, f"conv{number}_t", time)
        setattr(module, f"bn{number}_t", nn.BatchNorm3d(c_out))

    def __call__(self, x):
        def of(kind, part=""):
            return getattr(self.module, f"{kind}{self.number}{part}")

        if not self.split:
            return of("bn")(of("conv")(x))
        x = relu(of("bn", "_s")(of("conv", "_s")(x)))
        return of("bn", "_t")(of("conv", "_t")(x))


class Block(nn.Module):
    def __init__(self, c_in, middle, c_out, stride, *, groups, split, shortcut):
        super().__init__()
        strides = (stride,) * 3
        if middle is None:
            self.steps = [
                Convolution(self, 1, c_in, c_out, stride=strides, split=split),
                Convolution(self, 2, c_out, c_out, split=split),
            ]
        else:
            self.steps = [
                Convolution(self, 1, c_in, middle, 1),
                Convolution(self, 2, middle, middle, 3, strides, groups, split),
                Convolution(self, 3, middle, c_out, 1),
            ]
        self.stride, self.new = stride, c_out - c_in
        changes = stride != 1 or c_in != c_out
        self.zeros = changes and shortcut == "A"
        if changes and shortcut == "B":
            self.downsample = nn.Sequential(
                nn.Conv3d(c_in, c_out, 1, strides, bias=False), nn.BatchNorm3d(c_out)
            )

    def shortcut(self, x):
        if self.zeros:
            s = self.stride
            return pad(x.detach()[:, :, ::s, ::s, ::s], (0,) * 6 + (0, self.new))
        return self.downsample(x) if hasattr(self, "downsample") else x

    def forward(self, x):
        *first, last = self.steps
        y = x
        for step in first:
            y = relu(step(y))
        return relu(last(y) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(
        self,
        sizes,
        *,
        planes=64,
        expansion=1,
        cardinality=1,
        split=False,
        shortcut="B",
        width=1.0,
        classes=5,
        in_channels=3,
    ):
        super().__init__()
        c_in = round(64 * width)
        self.stem = Convolution(self, 1, in_channels, c_in, 7, (1, 2, 2), split=split)
        for stage, size in enumerate(sizes):
            blocks = []
            for index in range(size):
                inner = round(planes * 2**stage * width)
                c_out = round(planes * 2**stage * expansion * width)
                blocks.append(
                    Block(
                        c_in,
                        None if expansion == 1 else inner,
                        c_out,
                        2 if stage > 0 and index == 0 else 1,
                        groups=math.gcd(cardinality, inner),
                        split=split,
                        shortcut=shortcut,
                    )
                )
                c_in = c_out
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(c_in, classes)

    def forward(self, x):
        x = torch.max_pool3d(relu(self.stem(x)), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3, 4)))


_18, _34, _101 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3)
RESNEXT = {"planes": 128, "expansion": 2, "cardinality": 32}
NETWORKS = {
    "hara_r3d_18": {"sizes": _18},
    "hara_r3d_18_a": {"sizes": _18, "shortcut": "A"},
    "hara_r3d_34": {"sizes": _34},
    "hara_r3d_34_a": {"sizes": _34, "shortcut": "A"},
    "hara_r3d_50": {"sizes": _34, "expansion": 4},
    "hara_r3d_101": {"sizes": _101, "expansion": 4},
    "hara_r2plus1d_18": {"sizes": _18, "split": True},
    "hara_r2plus1d_34": {"sizes": _34, "split": True},
    "hara_r2plus1d_50": {"sizes": _34, "expansion": 4, "split": True},
    "hara_resnext_101": {"sizes": _101, **RESNEXT},
}
