"""Several contiguous clips of a video that belong together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from vidkd_jax.samplers.contiguous import Contiguous
from vidkd_jax.samplers.frames import frames_at, pick, start_at


@dataclasses.dataclass(frozen=True)
class Tuples:
    """`clips` contiguous clips one after the other, with `interval` frames between two (VCOP; PCL).

    Attributes:
      frames: of each clip.
      stride: from one of them to the next.
      clips: n, how many clips a tuple has.
      interval: frames between the end of a clip and the start of the next one; below 0 clips
        overlap.
      others: all frames of a clip to read, counted from its start; (): the clip's own.
      remote_gap: where it is not None, one more clip follows, from elsewhere in the video: at least
        so many frames lie between it and the tuple. In a video without room for it, it is the
        tuple's middle clip.
      own_windows: whether each clip of a training tuple is cut by a window of its own; else all are
        cut by one. A remote clip has the middle one's, whose place it takes.
    """

    frames: int
    stride: int
    clips: int
    interval: int
    others: tuple[int, ...] = ()
    remote_gap: int | None = None
    own_windows: bool = False

    @property
    def num_clips(self) -> int:
        """How many clips are drawn together."""
        return self.clips + (self.remote_gap is not None)

    @property
    def windows(self) -> tuple[int, ...]:
        """One for all clips, or one for each."""
        own = range(self.clips) if self.own_windows else (0,) * self.clips
        return (*own, own[self.clips // 2]) if self.num_clips > self.clips else tuple(own)

    @property
    def num_draws(self) -> int:
        """One for the tuple, and one for the remote clip."""
        return self.num_clips - self.clips + 1

    @property
    def _away(self) -> int:
        """How many frames a remote clip needs beside the tuple: its gap and its own."""
        return (self.remote_gap or 0) + self._clip.span

    @property
    def _clip(self) -> Contiguous:
        return Contiguous(self.frames, self.stride, self.others)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frames of one clip, counted from its start."""
        return self._clip.offsets

    @property
    def span(self) -> int:
        """From the tuple's first frame to its last one."""
        return self.clips * self._clip.span + (self.clips - 1) * self.interval

    def reading(self, offsets: Sequence[int]) -> "Tuples":
        """Returns the sampler that reads these frames of each clip instead."""
        return dataclasses.replace(self, others=tuple(offsets))

    def sample(self, num_frames: int, draws: Sequence[float]) -> np.ndarray:
        """Returns one of all tuples that lie inside the video."""
        return self._at(start_at(draws[0], num_frames, self.span), num_frames, draws[-1])

    def centre(self, num_frames: int) -> np.ndarray:
        """Returns the tuple in the middle of the video, or the nearest with room for its remote."""
        middle = max((num_frames - self.span) // 2, 0)
        if self.remote_gap is not None:
            starts = np.arange(max(num_frames - self.span + 1, 0))
            after = starts + self.span
            roomy = starts[(starts >= self._away) | (after + self._away <= num_frames)]
            if len(roomy):
                middle = int(roomy[np.argmin(np.abs(roomy - middle))])
        return self._at(middle, num_frames)

    def grid(self, num_frames: int, most: int | None) -> np.ndarray:
        """Returns tuples spread evenly from the first frame to the last one, at most `most`.

        Tuples are long: one after the other, they would leave out up to a whole one at the end.
        There are as few as leave out, besides the interval, at most a quarter of one between two. A
        single one is the middle one.
        """
        room, step = max(num_frames - self.span, 0), self.span + self.interval
        count = -(-max(room - step // 4, 0) // step) + 1
        count = count if most is None else min(count, most)
        if count == 1:
            return self.centre(num_frames)[None]
        starts = np.linspace(0, room, count).round().astype(int)
        return np.stack([self._at(start, num_frames) for start in starts.tolist()])

    def _at(self, start: int, num_frames: int, remote: float = 0.5) -> np.ndarray:
        starts = start + (self._clip.span + self.interval) * np.arange(self.clips)
        if self.remote_gap is not None:
            far = self._far(start, num_frames) or [int(starts[self.clips // 2])]
            starts = np.append(starts, far[pick(remote, len(far))])
        return frames_at(0, starts[:, None] + np.asarray(self.offsets), num_frames)

    def _far(self, start: int, num_frames: int) -> list[int]:
        """Returns the starts of all clips that lie far enough from the tuple at `start`."""
        before = range(start - self._away + 1)
        after = range(start + self.span + (self.remote_gap or 0), num_frames - self._clip.span + 1)
        return [*before, *after]

    def describe(self) -> str:
        """Returns what a message says of the clips."""
        return f"{self.clips} clips of {self._clip.describe()}, with {self.interval} between two"
