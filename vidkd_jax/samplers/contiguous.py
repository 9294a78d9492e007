"""One clip of frames at equal distances."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from vidkd_jax.samplers.frames import frames_at, grid_starts, start_at


@dataclasses.dataclass(frozen=True)
class Contiguous:
    """One clip of `frames` frames, `stride` apart.

    Attributes:
      frames: of the student's clip, which decides where clips may start.
      stride: from one of them to the next.
      others: all frames to read, counted from the clip's start; (): the clip's own.
    """

    frames: int
    stride: int
    others: tuple[int, ...] = ()
    num_clips: ClassVar[int] = 1
    num_draws: ClassVar[int] = 1
    windows: ClassVar[tuple[int, ...]] = (0,)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frames that are read, counted from the clip's start."""
        return self.others or tuple(range(0, self.step, self.stride))

    @property
    def step(self) -> int:
        """From a clip's start to the next one's, where clips follow each other."""
        return self.frames * self.stride

    @property
    def span(self) -> int:
        """From a clip's first frame to its last one."""
        return (self.frames - 1) * self.stride + 1

    def reading(self, offsets: Sequence[int]) -> "Contiguous":
        """Returns the sampler that reads these frames instead."""
        return dataclasses.replace(self, others=tuple(offsets))

    def sample(self, num_frames: int, draws: Sequence[float]) -> np.ndarray:
        """Returns one of all clips that lie inside the video."""
        start = start_at(draws[0], num_frames, self.span)
        return frames_at(start, self.offsets, num_frames)[None]

    def centre(self, num_frames: int) -> np.ndarray:
        """Returns the clip in the middle of the video."""
        start = max((num_frames - self.span) // 2, 0)
        return frames_at(start, self.offsets, num_frames)[None]

    def grid(self, num_frames: int, most: int | None) -> np.ndarray:
        """Returns non-overlapping clips; see `grid_starts`."""
        starts = grid_starts(num_frames, self.span, step=self.step, most=most)
        return np.stack([frames_at(start, self.offsets, num_frames) for start in starts])[:, None]

    def describe(self) -> str:
        """Returns what a message says of the clips."""
        return f"{self.frames} frames, {self.stride} apart"
