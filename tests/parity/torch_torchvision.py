"""torchvision's video ResNets, in PyTorch, with the names of their public weights."""

from torch import nn


def conv(c_in, c_out, size, stride=(1, 1, 1)):
    padding = tuple(length // 2 for length in size)
    return nn.Conv3d(c_in, c_out, size, stride, padding, bias=False)


def middle_of(c_in, c_out):
    return c_in * c_out * 27 // (c_in * 9 + 3 * c_out)


def factors(c_in, middle, c_out, stride):
    """A factorised 3x3x3 convolution: over space, norm, ReLU, over time."""
    return nn.Sequential(
        conv(c_in, middle, (1, 3, 3), (1, stride, stride)),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        conv(middle, c_out, (3, 1, 1), (stride, 1, 1)),
    )


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride, kind, shared_middle):
        super().__init__()
        time_stride = 1 if kind == "2d" else stride

        def convolution(c_in, stride, middle):
            if kind == "2+1d":
                return factors(c_in, middle, c_out, stride)
            taps = 3 if kind == "3d" else 1
            return conv(c_in, c_out, (taps, 3, 3), (stride if taps == 3 else 1, stride, stride))

        first = middle_of(c_in, c_out)
        second = first if shared_middle else middle_of(c_out, c_out)
        self.conv1 = nn.Sequential(
            convolution(c_in, stride, first), nn.BatchNorm3d(c_out), nn.ReLU()
        )
        self.conv2 = nn.Sequential(convolution(c_out, 1, second), nn.BatchNorm3d(c_out))
        self.downsample = nn.Identity()
        if c_in != c_out:
            self.downsample = nn.Sequential(
                conv(c_in, c_out, (1, 1, 1), (time_stride, stride, stride)), nn.BatchNorm3d(c_out)
            )

    def forward(self, x):
        return nn.functional.relu(self.conv2(self.conv1(x)) + self.downsample(x))


class VideoResNet(nn.Module):
    def __init__(
        self,
        kinds=("3d",) * 4,
        sizes=(2, 2, 2, 2),
        *,
        shared_middle=True,
        eps=1e-5,
        momentum=0.1,
        width=1.0,
        classes=5,
        in_channels=3,
    ):
        super().__init__()
        features, middle = round(64 * width), round(45 * width)
        self.stem = nn.Sequential(
            conv(in_channels, features, (3, 7, 7), (1, 2, 2)), nn.BatchNorm3d(features), nn.ReLU()
        )
        if kinds[0] == "2+1d":
            self.stem = nn.Sequential(
                conv(in_channels, middle, (1, 7, 7), (1, 2, 2)),
                nn.BatchNorm3d(middle),
                nn.ReLU(),
                conv(middle, features, (3, 1, 1)),
                nn.BatchNorm3d(features),
                nn.ReLU(),
            )
        for stage, (kind, size) in enumerate(zip(kinds, sizes, strict=True), start=1):
            blocks = []
            for index in range(size):
                c_out = round(64 * 2 ** (stage - 1) * width)
                stride = 2 if stage > 1 and index == 0 else 1
                blocks.append(Block(features, c_out, stride, kind, shared_middle))
                features = c_out
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(features, classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eps, module.momentum = eps, momentum

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(x.mean((2, 3, 4)))


NETWORKS = {
    "r3d_18": {},
    "mc3_18": {"kinds": ("3d", "2d", "2d", "2d")},
    "r2plus1d_18": {"kinds": ("2+1d",) * 4},
    "ig65m_r2plus1d_34": {
        "kinds": ("2+1d",) * 4,
        "sizes": (3, 4, 6, 3),
        "shared_middle": False,
        "eps": 1e-3,
        "momentum": 0.9,
    },
}
