"""Clip samplers: from a video's number of frames to the numbers of the frames that make its clips.

A sampler is a pure function of the number of frames and of uniform random numbers. It returns frame
numbers int64 [n, t]: n clips that belong together, of t frames each. Numbers lie in
0..num_frames-1; where a video is too short its last frame is repeated (TY, section III.C.1).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class Sampler(Protocol):
    """What chooses a video's frames, for training and for evaluation."""

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
    def own_windows(self) -> bool:
        """Whether each clip of a training example is cut by a window of its own, or all by one."""

    @property
    def offsets(self) -> tuple[int, ...] | None:
        """The frames of a clip counted from its start; None where clips are not regular."""

    def reading(self, offsets: Sequence[int]) -> "Sampler":
        """Returns the same sampler whose clips hold these frames, counted from a clip's start.

        A run needs this where a teacher sees other frames around the student's clip.
        """

    def sample(self, num_frames: int, draws: Sequence[float]) -> np.ndarray:
        """Returns the frames of a training example, int64 [n, t]; `draws` lie in [0, 1)."""

    def centre(self, num_frames: int) -> np.ndarray:
        """Returns the frames in the middle of the video, int64 [n, t]."""

    def grid(self, num_frames: int, most: int) -> np.ndarray:
        """Returns the frames of at most `most` evaluation examples, int64 [m, n, t]."""

    def describe(self) -> str:
        """Returns what a message says of the clips."""


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
    num_clips: int = dataclasses.field(default=1, init=False)
    num_draws: int = dataclasses.field(default=1, init=False)
    own_windows: bool = dataclasses.field(default=False, init=False)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frames that are read, counted from the clip's start."""
        return self.others or tuple(range(0, self.frames * self.stride, self.stride))

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

    def grid(self, num_frames: int, most: int) -> np.ndarray:
        """Returns non-overlapping clips; see `grid_starts`."""
        starts = grid_starts(num_frames, self.span, step=self.frames * self.stride, most=most)
        return np.stack([frames_at(start, self.offsets, num_frames) for start in starts])[:, None]

    def describe(self) -> str:
        """Returns what a message says of the clips."""
        return f"{self.frames} frames, {self.stride} apart"


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
    """

    frames: int
    stride: int
    clips: int
    interval: int
    others: tuple[int, ...] = ()
    remote_gap: int | None = None
    own_windows: bool = dataclasses.field(default=False, init=False)

    @property
    def num_clips(self) -> int:
        """How many clips are drawn together."""
        return self.clips + (self.remote_gap is not None)

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

    def grid(self, num_frames: int, most: int) -> np.ndarray:
        """Returns non-overlapping tuples; see `grid_starts`."""
        starts = grid_starts(num_frames, self.span, step=self.span + self.interval, most=most)
        return np.stack([self._at(start, num_frames) for start in starts])

    def _at(self, start: int, num_frames: int, remote: float = 0.0) -> np.ndarray:
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
    offsets: None = dataclasses.field(default=None, init=False)

    @property
    def num_clips(self) -> int:
        """How many sequences are drawn."""
        return self.sequences

    @property
    def own_windows(self) -> bool:
        """Each of several sequences is cropped by a window of its own (DTG-Net, section 3.2)."""
        return self.sequences > 1

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

    def grid(self, num_frames: int, most: int) -> np.ndarray:
        """Returns up to `most` different sequences that take each part at even distances."""
        begins, sizes = self._parts(num_frames)
        count = min(most, int(sizes.min()))
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


_KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in (Contiguous, Tuples, Segments)}


def as_json(sampler: Sampler) -> dict[str, Any]:
    """Returns the sampler's kind and its fields; frames that only teachers need are left out."""
    fields = [field for field in dataclasses.fields(sampler) if field.init]  # type: ignore[arg-type]
    own = {f.name: getattr(sampler, f.name) for f in fields if f.name != "others"}
    return {"kind": type(sampler).__name__, **own}


def from_json(value: Mapping[str, Any]) -> Sampler:
    """Returns the sampler that `as_json` wrote.

    Raises:
      LookupError, TypeError: it wrote no such thing.
    """
    fields = {name: field for name, field in value.items() if name != "kind"}
    sampler: Sampler = _KINDS[value["kind"]](**fields)
    return sampler


def frames_at(start: int, offsets: Sequence[int] | np.ndarray, num_frames: int) -> np.ndarray:
    """Returns the frame numbers `start + offsets`, kept inside the video."""
    numbers = start + np.asarray(offsets, np.int64)
    return np.minimum(np.maximum(numbers, 0), num_frames - 1)


def pick(share: float, count: int) -> int:
    """Returns one of 0..count-1, uniformly where `share` is uniform in [0, 1)."""
    return int(share * count)


def start_at(share: float, num_frames: int, span: int) -> int:
    """Returns one of all starts from which `span` frames lie inside the video, as `pick` does."""
    return pick(share, max(num_frames - span, 0) + 1)


def grid_starts(num_frames: int, span: int, *, step: int, most: int) -> list[int]:
    """Returns the starts of all clips `step` frames apart, the tail dropped, at most `most`.

    A video shorter than one clip has one, so that every video counts. Where there are more than
    `most`, they are spread evenly over the video: a single one is the middle one.
    """
    starts = list(range(0, max(num_frames - span, 0) + 1, step))
    if most == 1:
        return [starts[len(starts) // 2]]
    if len(starts) > most:
        chosen = np.linspace(0, len(starts) - 1, most).round().astype(int)
        starts = [starts[i] for i in chosen]
    return starts


def still(numbers: np.ndarray) -> np.ndarray:
    """Returns each clip's middle frame, repeated: what a network without motion would see."""
    middle = numbers.shape[-1] // 2
    return np.broadcast_to(numbers[..., middle : middle + 1], numbers.shape)
