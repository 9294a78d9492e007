"""TY's released networks, in PyTorch, with TensorFlow's padding written by hand."""

import torch
from torch import nn
from torch.nn import functional


class SameConv(nn.Conv3d):
    """Pads like TensorFlow: as many zeros as the last window needs; an odd zero comes after."""

    def forward(self, x):
        pads = []
        for length, size, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pads.insert(0, (total // 2, total - total // 2))  # the last axis comes first
        return super().forward(functional.pad(x, [n for pair in pads for n in pair]))


class Block(nn.Module):
    def __init__(self, c_in, features, stride, bottleneck, is_first):
        super().__init__()
        widths = (features, features, 4 * features) if bottleneck else (features, features)
        sizes = (1, 3, 1) if bottleneck else (3, 3)
        self.depth, before = len(sizes), c_in
        for i, (size, width) in enumerate(zip(sizes, widths, strict=True), start=1):
            if i > 1 or not is_first:
                setattr(self, f"norm{i}", norm(before))
            setattr(self, f"conv{i}", SameConv(before, width, size, stride if i == 1 else 1))
            before = width
        if stride > 1 or c_in != before:
            self.shortcut_conv = nn.Conv3d(c_in, before, 1, stride)

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            if hasattr(self, f"norm{i}"):
                y = functional.relu(getattr(self, f"norm{i}")(y))
            y = getattr(self, f"conv{i}")(y)
        return y + (self.shortcut_conv(x) if hasattr(self, "shortcut_conv") else x)


def norm(features):
    return nn.BatchNorm3d(features, eps=1e-3, momentum=0.01)


class ReleasedNetwork(nn.Module):
    def __init__(self, sizes, *, bottleneck=False, pooled=False, width=1.0, classes=5, frames=16):
        super().__init__()
        self.pooled = pooled
        before = round(64 * width)
        self.stage1_conv = SameConv(3, before, 7, (1, 2, 2))
        self.stage1_norm = norm(before)
        for stage, size in enumerate(sizes):
            for index in range(size):
                features = round(64 * 2**stage * width)
                stride = 2 if stage and not index else 1
                block = Block(before, features, stride, bottleneck, not stage and not index)
                setattr(self, f"stage{stage + 2}_block{index + 1}", block)
                before = features * (4 if bottleneck else 1)
        self.tail_norm = norm(before)
        self.fc = nn.Linear(before * -(-frames // 8), classes)

    def forward(self, x):
        x = functional.relu(self.stage1_norm(self.stage1_conv(x)))
        if self.pooled:  # "same": of an odd padding, the one after is larger
            pads = [max((-(-n // 2) - 1) * 2 + 3 - n, 0) for n in x.shape[3:]]
            (h0, h1), (w0, w1) = ((n // 2, n - n // 2) for n in pads)
            x = functional.pad(x, (w0, w1, h0, h1, 1, 1), value=float("-inf"))
            x = functional.max_pool3d(x, 3, (1, 2, 2))
        for name, block in self.named_children():
            x = block(x) if name.startswith("stage") and "block" in name else x
        x = functional.relu(self.tail_norm(x)).mean((3, 4))  # [b, c, t]
        return self.fc(torch.flatten(x.transpose(1, 2), 1))
