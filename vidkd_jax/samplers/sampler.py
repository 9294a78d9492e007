"""What chooses a video's frames."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Sampler(Protocol):
    """What chooses a video's frames, for training and for evaluation.

    It is hashable, such as a frozen dataclass. Frame numbers lie in 0..num_frames-1, also where a
    video has fewer than `span` frames. n and t are the same for all videos.
    """

    @property
    def num_clips(self) -> int:
        """How many clips of a video belong together: n."""

    @property
    def num_draws(self) -> int:
        """How many uniform random numbers `sample` needs."""

    @property
    def span(self) -> int:
        """How many frames a video must have so that none is repeated."""

    @property
    def windows(self) -> tuple[int, ...]:
        """The number of the window that cuts each clip of a training example, [n].

        Windows are numbered from 0 without gaps; several clips may have one.
        """

    @property
    def offsets(self) -> tuple[int, ...] | None:
        """The frames of a clip counted from its start; None where clips are not regular."""

    def reading(self, offsets: Sequence[int]) -> "Sampler":
        """Returns the same sampler whose clips hold these frames, counted from a clip's start.

        A run needs this where a teacher sees other frames around the student's clip.
        """

    def sample(self, num_frames: int, draws: Sequence[float]) -> np.ndarray:
        """Returns the frames of a training example, int64 [n, t].

        Args:
          num_frames: of the video, from 1.
          draws: `num_draws` numbers in [0, 1).
        """

    def centre(self, num_frames: int) -> np.ndarray:
        """Returns the frames in the middle of the video, int64 [n, t]."""

    def grid(self, num_frames: int, most: int | None) -> np.ndarray:
        """Returns the frames of at most `most` evaluation examples, int64 [m, n, t]; None: all."""

    def describe(self) -> str:
        """Returns what a message says of the clips."""
