"""From a place in a video to a row of a batch: where a clip starts, and the window it is cut to."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from vidkd_jax.data import sampling
from vidkd_jax.data.splits import Subset
from vidkd_jax.data.videos import Video
from vidkd_jax.errors import InputError

HostBatch = dict[str, np.ndarray]

# What the channels of a frame are; of other numbers of them, all are the clip's.
_PARTS = {5: {"clip": slice(3), "flow": slice(3, 5)}}
_ALL = {"clip": slice(None)}


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """The shape of a clip: `frames` frames, `stride` apart, cropped to `crop` pixels square.

    Attributes:
      frames: of the student's clip, which decides where clips may start.
      stride: frames from one of them to the next.
      crop: side of the window, in pixels.
      crop_sizes: sides of training windows, one drawn for each clip and resized to `crop`; (): all
        windows have side `crop`.
      sampler: "clip", or "still" for one frame repeated.
      others: further frames that are read, counted from the clip's start: those of teachers.
    """

    frames: int
    stride: int
    crop: int
    sampler: str = "clip"
    others: tuple[int, ...] = ()
    crop_sizes: tuple[int, ...] = ()

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frames that are read, counted from the clip's start."""
        own = range(0, self.frames * self.stride, self.stride)
        return tuple(sorted({*own, *self.others}))

    @property
    def span(self) -> int:
        """How many frames of a video a clip stretches over."""
        return (self.frames - 1) * self.stride + 1


class Row(NamedTuple):
    """A clip that is to be a row of a batch.

    Attributes:
      position: of its video in the subset.
      start: its first frame.
      shares: three numbers in [0, 1) that decide on the size and the place of its window; None: the
        window in the centre.
      mask: False for padding.
    """

    position: int
    start: int
    shares: tuple[float, float, float] | None = None
    mask: bool = True


def random_row(subset: Subset, spec: ClipSpec, position: int, shares: Sequence[float]) -> Row:
    """Returns a training clip: where it starts and its window are what `shares` [4] say."""
    start, size, top, left = shares
    num_frames = subset.videos[position].num_frames
    first = sampling.start_at(start, num_frames, frames=spec.frames, stride=spec.stride)
    return Row(position, first, (size, top, left))


def load_batch(subset: Subset, spec: ClipSpec, rows: Sequence[Row]) -> HostBatch:
    """Reads the clips of a batch; each window is copied into it as soon as it is decoded.

    Padding is zeros, but for a first row: that one says how large the others are.
    """
    offsets, batch = np.asarray(spec.offsets, np.int64), HostBatch()
    for place, row in enumerate(rows):
        if batch and not row.mask:
            continue
        for time, window in enumerate(_windows(subset, spec, row, offsets)):
            parts = _PARTS.get(window.shape[-1], _ALL)
            if not batch:
                shape = (len(rows), len(offsets), *window.shape[:2])
                for name, part in parts.items():
                    batch[name] = np.zeros((*shape, window[..., part].shape[-1]), np.uint8)
            for name, part in parts.items():
                batch[name][place, time] = window[..., part]
    labels = [subset.videos[row.position].label for row in rows]
    return {
        **batch,
        "label": np.asarray(labels, np.int32),
        "video": np.asarray([row.position for row in rows], np.int32),
        "mask": np.asarray([row.mask for row in rows]),
    }


def _windows(subset: Subset, spec: ClipSpec, row: Row, offsets: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the windows of a clip's frames, each uint8 [crop, crop, c]."""
    video = subset.videos[row.position]
    numbers = sampling.frames_at(row.start, offsets, video.num_frames)
    if spec.sampler == "still":
        numbers = sampling.still(numbers)
    cut = None
    for frame in subset.dataset.frames(video.index, numbers):
        if cut is None:
            cut = _cut(video, frame.shape[0], frame.shape[1], spec, row.shares)
        yield _resize(frame[cut], spec.crop)


def _cut(
    video: Video, height: int, width: int, spec: ClipSpec, shares: Sequence[float] | None
) -> tuple[slice, slice]:
    """Returns the rows and the columns of a clip's window."""
    size = spec.crop
    if shares is not None and spec.crop_sizes:
        size = spec.crop_sizes[sampling.pick(shares[0], len(spec.crop_sizes))]
    if min(height, width) < size:
        raise InputError(
            f"config.data.crop: {size} is larger than video '{video.id}' ({width}x{height}); "
            "use a smaller crop, or convert with a larger --short_side"
        )
    top, left = (
        sampling.centre_crop(height, width, size)
        if shares is None
        else sampling.crop_at(shares[1], shares[2], height, width, size)
    )
    return slice(top, top + size), slice(left, left + size)


def _resize(window: np.ndarray, size: int) -> np.ndarray:
    """Returns a square window at `size` pixels; bilinear, as TY's released code."""
    if len(window) == size:
        return window
    return cv2.resize(window, (size, size), interpolation=cv2.INTER_LINEAR)
