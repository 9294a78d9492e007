"""Prediction of videos in PyTorch with PyAV, for the comparison in `benchmarks.predict_videos`.

It is written as one would write it there: a video is decoded, its clips are one batch, and the next
video follows. The frames are resized as this project does, so both sides see the same pixels.
"""

from collections.abc import Sequence

import av
import cv2
import numpy as np
import torch
from torch import nn

from benchmarks.torch_resnet3d import ResNet3D


class Sampler(nn.Module):
    """The backbone of a 3D ResNet of 10 layers with the two heads of a sampler."""

    def __init__(self, width: float, frames: int, classes: int) -> None:
        super().__init__()
        self.body = network(width, frames, classes, sizes=(1, 1, 1, 1))
        features = self.body.fc.in_features
        self.logits, self.body.fc = self.body.fc, nn.Identity()
        self.confidence = nn.Linear(features, 1)

    def forward(self, clip: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns logits and confidence."""
        features = self.body(clip)
        return self.logits(features), self.confidence(features)


def network(
    width: float, frames: int, classes: int, *, sizes: Sequence[int] = (2, 2, 2, 2)
) -> ResNet3D:
    """Returns a 3D ResNet, of 18 layers, with the fastest memory layout of a CPU."""
    made = ResNet3D(round(64 * width), frames, classes, sizes=sizes).eval()
    return made.to(memory_format=torch.channels_last_3d)


def decode(path: str, short_side: int, crop: int) -> np.ndarray:
    """Returns all frames of a video, uint8 [t, crop, crop, 3]."""
    frames = []
    with av.open(path) as container:
        for frame in container.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24")
            scale = short_side / min(pixels.shape[:2])
            height, width = (round(side * scale) for side in pixels.shape[:2])
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            top, left = (height - crop) // 2, (width - crop) // 2
            frames.append(pixels[top : top + crop, left : left + crop])
    return np.stack(frames)


def clips_of(frames: np.ndarray, length: int) -> torch.Tensor:
    """Returns the non-overlapping clips of a video, float32 [n, 3, t, h, w] in [-1, 1]."""
    count = max(len(frames) // length, 1)
    whole = np.resize(frames, (count * length, *frames.shape[1:]))
    clips = torch.from_numpy(whole).reshape(count, length, *frames.shape[1:])
    return (clips.float() / 127.5 - 1).permute(0, 4, 1, 2, 3)


@torch.inference_mode()
def answer(
    path: str,
    teacher: nn.Module,
    sampler: nn.Module | None,
    *,
    k: int,
    length: int,
    short_side: int,
    crop: int,
) -> torch.Tensor:
    """Returns a video's probabilities [classes]: of all clips, or of the k most confident ones."""
    clips = clips_of(decode(path, short_side, crop), length)
    if sampler is not None:
        _, confidence = sampler(clips)
        clips = clips[confidence[:, 0].topk(min(k, len(clips))).indices]
    return teacher(clips).softmax(dim=1).mean(dim=0)
