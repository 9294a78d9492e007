"""From a video to a row of a batch: its clips' frames, and the windows that are cut from them.

A batch is a dict: "clip" uint8 [b, n, t, h, w, c], "label" int32 [b], "video" int32 [b] (position
in its subset), "mask" bool [b] (False: padding). n clips of each video belong together, one for
most methods. Where RGB and flow are read, "clip" is RGB and "flow" is the flow of the same clips.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from vidkd_jax import samplers
from vidkd_jax.data.splits import Subset
from vidkd_jax.data.videos import Video
from vidkd_jax.errors import InputError
from vidkd_jax.samplers import Sampler

HostBatch = dict[str, np.ndarray]
_WINDOW_DRAWS = 3  # the window's size, top and left


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """Which clips are read, and the windows that are cut from their frames.

    Attributes:
      sampler: chooses the frames, and says which window cuts which clip.
      crop: side of the square window, in pixels.
      crop_sizes: sides of training windows, one drawn for each window and resized to `crop`; ():
        all have side `crop`.
    """

    sampler: Sampler
    crop: int
    crop_sizes: tuple[int, ...] = ()

    @property
    def num_draws(self) -> int:
        """How many uniform random numbers a training row needs."""
        return self.sampler.num_draws + len({*self.sampler.windows}) * _WINDOW_DRAWS


class Row(NamedTuple):
    """What is to be a row of a batch.

    Attributes:
      position: of its video in the subset.
      frames: int64 [n, t], their numbers.
      shares: for each window of the sampler three numbers in [0, 1) that decide on its size and its
        place; None: all clips have the window in the centre.
      mask: False for padding.
    """

    position: int
    frames: np.ndarray
    shares: Sequence[Sequence[float]] | None = None
    mask: bool = True


def random_row(subset: Subset, spec: ClipSpec, position: int, draws: Sequence[float]) -> Row:
    """Returns a training row; `draws` are `spec.num_draws` numbers in [0, 1)."""
    own = spec.sampler.num_draws
    frames = spec.sampler.sample(subset.videos[position].num_frames, draws[:own])
    windows = [draws[i : i + _WINDOW_DRAWS] for i in range(own, len(draws), _WINDOW_DRAWS)]
    return Row(position, frames, windows)


def load_batch(subset: Subset, spec: ClipSpec, rows: Sequence[Row]) -> HostBatch:
    """Reads the clips of a batch: each frame is decoded once, and copied to wherever it is shown.

    Neighbouring rows of one video, as in evaluation, are read together: to find a frame of a video
    file, the frames before it may have to be decoded. Padding is zeros, except in a first row,
    which shows how large the others are.

    Raises:
      InputError: a video's frames are smaller than the window, or it cannot be read.
    """
    batch = HostBatch()
    shown = [place for place, row in enumerate(rows) if row.mask or not place]
    for _, group in itertools.groupby(
        shown, lambda place: (rows[place].position, rows[place].shares)
    ):
        places = list(group)
        row = rows[places[0]]
        where = _where(places, rows)
        cut = _windows(subset, spec, row, np.fromiter(where, np.int64, len(where)))
        of_clip = (0,) * len(row.frames) if row.shares is None else spec.sampler.windows
        for positions, windows in zip(where.values(), cut, strict=True):
            for name, part in subset.dataset.parts.items():
                if name not in batch:
                    shape = (len(rows), *row.frames.shape, *windows[0][..., part].shape)
                    batch[name] = np.zeros(shape, np.uint8)
                for place, clip, time in positions:
                    batch[name][place, clip, time] = windows[of_clip[clip]][..., part]
    labels = [subset.videos[row.position].label for row in rows]
    return {
        **batch,
        "label": np.asarray(labels, np.int32),
        "video": np.asarray([row.position for row in rows], np.int32),
        "mask": np.asarray([row.mask for row in rows]),
    }


def _where(places: Sequence[int], rows: Sequence[Row]) -> dict[int, list[tuple[int, int, int]]]:
    """Returns where each frame of a video is shown: rising numbers -> positions in [b, n, t].

    Args:
      places: of the rows that show this video.
      rows: of the batch.
    """
    where: dict[int, list[tuple[int, int, int]]] = {}
    for place in places:
        for clip, numbers in enumerate(rows[place].frames.tolist()):
            for time, number in enumerate(numbers):
                where.setdefault(number, []).append((place, clip, time))
    return dict(sorted(where.items()))


def _windows(
    subset: Subset, spec: ClipSpec, row: Row, numbers: np.ndarray
) -> Iterator[list[np.ndarray]]:
    """Yields all windows of each frame, uint8 [crop, crop, c]."""
    video, cuts = subset.videos[row.position], None
    for frame in subset.dataset.frames(video.index, numbers):
        if cuts is None:
            height, width = frame.shape[:2]
            every = [None] if row.shares is None else row.shares
            cuts = [_cut(video, height, width, spec, shares) for shares in every]
        yield [_resize(frame[cut], spec.crop) for cut in cuts]


def _cut(
    video: Video, height: int, width: int, spec: ClipSpec, shares: Sequence[float] | None
) -> tuple[slice, slice]:
    """Returns the rows and the columns of a clip's window."""
    size = spec.crop
    if shares is not None and spec.crop_sizes:
        size = spec.crop_sizes[samplers.pick(shares[0], len(spec.crop_sizes))]
    if min(height, width) < size:
        raise InputError(
            f"config.data.crop: {size} is larger than video '{video.id}' ({width}x{height}); "
            "use a smaller crop, or convert with a larger --short_side"
        )
    top, left = (
        centre_crop(height, width, size)
        if shares is None
        else crop_at(shares[1], shares[2], height, width, size)
    )
    return slice(top, top + size), slice(left, left + size)


def crop_at(top: float, left: float, height: int, width: int, size: int) -> tuple[int, int]:
    """Returns (top, left) of a window of `size` pixels, from shares in [0, 1)."""
    return samplers.pick(top, height - size + 1), samplers.pick(left, width - size + 1)


def centre_crop(height: int, width: int, size: int) -> tuple[int, int]:
    """Returns (top, left) of the window of `size` pixels in the middle."""
    return (height - size) // 2, (width - size) // 2


def _resize(window: np.ndarray, size: int) -> np.ndarray:
    """Returns a square window at `size` pixels; bilinear, as TY's released code."""
    if len(window) == size:
        return window
    return cv2.resize(window, (size, size), interpolation=cv2.INTER_LINEAR)
