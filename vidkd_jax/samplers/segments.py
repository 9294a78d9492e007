"""Sparse frames from all over a video."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Segments:
    """One random frame of each of `segments` equal parts of the video (TSN); `sequences` of them.

    Attributes:
      segments: t, the number of parts, and of a sequence's frames.
      sequences: n, how many sequences are drawn.
      overlap: whether two sequences may share a frame. Without, a part of fewer frames than there
        are sequences still has to repeat some.
      images: whether the sequences after the first show one random frame of the whole video, all
        the time. Evaluation shows all sequences the same frames.
    """

    segments: int
    sequences: int = 1
    overlap: bool = True
    images: bool = False
    offsets: ClassVar[None] = None

    @property
    def num_clips(self) -> int:
        """How many sequences are drawn."""
        return self.sequences

    @property
    def windows(self) -> tuple[int, ...]:
        """Each sequence is cropped by a window of its own (DTG-Net, section 3.2)."""
        return tuple(range(self.sequences))

    @property
    def num_draws(self) -> int:
        """One for each frame; without overlap one for each part; and one for each image."""
        of_frames = self.segments * (self.sequences if self.overlap else 1)
        return of_frames + (self.sequences - 1 if self.images else 0)

    @property
    def span(self) -> int:
        """A frame for each part."""
        return self.segments

    def reading(self, offsets: Sequence[int]) -> "Segments":
        """Returns the same sampler: all networks see the frames that it draws."""
        del offsets
        return self

    def sample(self, num_frames: int, draws: Sequence[float]) -> np.ndarray:
        """Returns `sequences` random sequences."""
        images = self.sequences - 1 if self.images else 0
        shares = np.asarray(draws)[images:].reshape(-1, self.segments)
        begins, sizes = self._parts(num_frames)
        inside = (shares * sizes).astype(np.int64)
        if not self.overlap:  # the next ones are spread evenly over the rest of each part
            steps = np.arange(self.sequences)[:, None] * np.maximum(sizes // self.sequences, 1)
            inside = (inside + steps) % sizes
        numbers = np.minimum(begins + inside, num_frames - 1)
        if images:
            numbers[1:] = (np.asarray(draws)[:images, None] * num_frames).astype(np.int64)
        return numbers

    def centre(self, num_frames: int) -> np.ndarray:
        """Returns the middle frame of each part, in all sequences (TSN's test)."""
        return self.grid(num_frames, 1)[0]

    def grid(self, num_frames: int, most: int | None) -> np.ndarray:
        """Returns up to `most` different sequences that take each part at even distances."""
        begins, sizes = self._parts(num_frames)
        count = int(sizes.min() if most is None else min(most, sizes.min()))
        shares = (np.arange(count)[:, None] + 0.5) / count
        numbers = np.minimum(begins + (shares * sizes).astype(np.int64), num_frames - 1)
        return np.repeat(numbers[:, None], self.sequences, axis=1)

    def _parts(self, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first frame of each part, and how many frames it has, at least 1."""
        edges = np.arange(self.segments + 1) * num_frames // self.segments
        return edges[:-1], np.maximum(np.diff(edges), 1)

    def describe(self) -> str:
        """Returns what a message says of the clips."""
        return f"a frame of each of {self.segments} segments"
