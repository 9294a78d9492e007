"""Image ResNets and I3D, in PyTorch, with torchvision's names."""

from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """A residual block of 2D convolutions (`taps` None) or of 3D convolutions.

    `taps` is the length over time of the first 3D convolution; the others have length 1.
    """

    def __init__(self, c_in, features, stride, bottleneck, taps):
        super().__init__()
        sizes = (1, 3, 1) if bottleneck else (3, 3)
        widths = (features, features, 4 * features) if bottleneck else (features, features)
        carrier = 1 if bottleneck else 0  # index of the convolution with the stride
        self.depth, before = len(sizes), c_in
        for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
            step = stride if i == carrier else 1
            length = taps if i == 0 else taps and 1
            setattr(self, f"conv{i + 1}", conv(before, width, size, step, length))
            setattr(self, f"bn{i + 1}", norm(width, taps))
            before = width
        if stride > 1 or c_in != before:
            shortcut = conv(c_in, before, 1, stride, taps and 1)
            self.downsample = nn.Sequential(shortcut, norm(before, taps))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = functional.relu(y) if i < self.depth else y
        return functional.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


def conv(c_in, c_out, size, stride, taps, time_stride=1):
    if taps is None:
        return nn.Conv2d(c_in, c_out, size, stride, size // 2, bias=False)
    strides, padding = (time_stride, stride, stride), (taps // 2, size // 2, size // 2)
    return nn.Conv3d(c_in, c_out, (taps, size, size), strides, padding, bias=False)


def norm(features, taps):
    return nn.BatchNorm2d(features) if taps is None else nn.BatchNorm3d(features)


class FrameResNet(nn.Module):
    """TSN (`patterns` None), or I3D; `patterns` says for each stage which blocks are inflated."""

    def __init__(self, sizes, *, bottleneck, patterns=None, pool="padded", width=1.0, classes=5):
        super().__init__()
        self.pool = pool
        before = round(64 * width)
        self.inflated = patterns is not None
        self.conv1 = conv(3, before, 7, 2, 5 if self.inflated else None, time_stride=2)
        self.bn1 = norm(before, patterns and 1)
        for stage, size in enumerate(sizes):
            blocks = []
            for index in range(size):
                features = round(64 * 2**stage * width)
                stride = 2 if stage and not index else 1
                taps = None if patterns is None else (3 if patterns[stage][index] else 1)
                blocks.append(Block(before, features, stride, bottleneck, taps))
                before = features * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        if self.inflated:
            return self.fc(self._features(x).mean((2, 3, 4)))
        b, c, t, h, w = x.shape
        frames = self._features(x.transpose(1, 2).reshape(b * t, c, h, w)).mean((2, 3))
        return self.fc(frames.reshape(b, t, -1).mean(1))

    def _features(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        if self.inflated:
            if self.pool == "padded":
                x = functional.max_pool3d(x, (1, 3, 3), 2, (0, 1, 1))  # mmaction2
            else:
                x = functional.max_pool3d(x, (2, 3, 3), 2)  # Wang et al.
            x = functional.max_pool3d(self.layer1(x), (2, 1, 1))
        else:
            x = self.layer1(functional.max_pool2d(x, 3, 2, 1))
        return self.layer4(self.layer3(self.layer2(x)))
