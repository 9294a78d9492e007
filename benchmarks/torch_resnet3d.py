"""TY's 3D ResNets in PyTorch, for the comparison in `benchmarks.train_step`.

The layers have the names of those in `vidkd_jax.models.resnet3d` and PyTorch's usual form.
tests/parity tests that both compute the same.
"""

from collections.abc import Sequence

import torch
from torch import nn


class _Block(nn.Module):
    def __init__(self, channels_in: int, features: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        layers = [(3, features), (3, features)]
        if bottleneck:
            layers = [(1, features), (3, features), (1, 4 * features)]
        self.num_layers, channels = len(layers), channels_in
        for number, (size, width) in enumerate(layers, start=1):
            step = stride if number == 1 else 1
            conv = nn.Conv3d(channels, width, size, step, size // 2, bias=False)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"norm{number}", nn.BatchNorm3d(width))
            channels = width
        self.has_shortcut = stride != 1 or channels_in != channels
        if self.has_shortcut:
            self.shortcut_conv = nn.Conv3d(channels_in, channels, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm3d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number in range(1, self.num_layers + 1):
            y = getattr(self, f"conv{number}")(y)
            y = getattr(self, f"norm{number}")(y)
            y = torch.relu(y) if number < self.num_layers else y
        if self.has_shortcut:
            x = self.shortcut_norm(self.shortcut_conv(x))
        return torch.relu(y + x)


class ResNet3D(nn.Module):
    """Maps clips [b, 3, t, h, w] to logits [b, num_classes]."""

    def __init__(
        self,
        stem_features: int,
        frames: int,
        num_classes: int,
        *,
        sizes: Sequence[int] = (2, 2, 2, 2),
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, stem_features, 7, (1, 2, 2), 3, bias=False)
        self.stem_norm = nn.BatchNorm3d(stem_features)
        self.blocks: list[str] = []
        channels = stem_features
        for stage, size in enumerate(sizes):
            for index in range(size):
                stride = 2 if stage > 0 and index == 0 else 1
                features = stem_features * 2**stage
                block = _Block(channels, features, stride, bottleneck=bottleneck)
                self.blocks.append(f"stage{stage + 2}_block{index + 1}")
                self.add_module(self.blocks[-1], block)
                channels = 4 * features if bottleneck else features
        self.fc = nn.Linear(channels * -(-frames // 8), num_classes)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        x = torch.relu(self.stem_norm(self.stem(clip)))
        for name in self.blocks:
            x = getattr(self, name)(x)
        # x.mean is [b, c, t]; the weights of the classifier are ordered by time, then channel.
        return self.fc(x.mean(dim=(3, 4)).transpose(1, 2).flatten(1))
