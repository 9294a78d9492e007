"""TY's 3D ResNet-18 in PyTorch: the other side of `benchmarks.train_step`.

The layers of `vidkd_jax.models.resnet3d`, in PyTorch's usual form.
"""

import torch
from torch import nn


class _Block(nn.Module):
    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm3d(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm3d(channels)
        self.shortcut = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv3d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm3d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet3D18(nn.Module):
    """Maps clips [b, 3, t, h, w] to logits [b, num_classes]."""

    def __init__(self, stem_features: int, frames: int, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, stem_features, 7, (1, 2, 2), 3, bias=False)
        self.stem_norm = nn.BatchNorm3d(stem_features)
        blocks: list[nn.Module] = []
        channels = stem_features
        for stage in range(4):
            for index in range(2):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(_Block(channels, stem_features * 2**stage, stride))
                channels = stem_features * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels * -(-frames // 8), num_classes)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        x = torch.relu(self.stem_norm(self.stem(clip)))
        return self.head(self.blocks(x).mean(dim=(3, 4)).flatten(1))
