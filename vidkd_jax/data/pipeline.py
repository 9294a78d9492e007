"""Grain pipelines: shuffled training batches, and the fixed grid of evaluation clips.

A batch is a dict: "clip" uint8 [b, t, h, w, c], "label" int32 [b], "video" int32 [b] (position in
its subset), "mask" bool [b] (False: padding). `b` is this process' share of the global batch.
Clips are RGB (c = 3) or optical flow (c = 2); where both are read, "clip" is RGB and "flow" is the
flow of the same clip.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import grain
import numpy as np
from absl import flags

from vidkd_jax.data import sampling
from vidkd_jax.data.splits import Subset
from vidkd_jax.errors import InputError

HostBatch = dict[str, np.ndarray]


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


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the host reads: threads, worker processes (0: threads only), batches read ahead."""

    threads: int = 2
    workers: int = 0
    prefetch: int = 8


@dataclasses.dataclass(frozen=True)
class Process:
    """This process among all that train together."""

    index: int = 0
    count: int = 1


class Row(NamedTuple):
    """A row of a batch that is to be.

    Attributes:
      windows: the clip's frames, each uint8 [h, w, c]; views of what was decoded.
      label: class number.
      video: position in the subset.
      mask: False for padding.
    """

    windows: list[np.ndarray]
    label: int
    video: int
    mask: bool = True


def batch_rows(rows: Sequence[Row]) -> HostBatch:
    """Returns the batch of some rows; each pixel is copied once."""
    windows = [window for row in rows for window in row.windows]
    shape = (len(rows), len(rows[0].windows), *windows[0].shape[:2], -1)
    has_both = windows[0].shape[-1] == 5
    parts = {"clip": slice(3), "flow": slice(3, 5)} if has_both else {"clip": slice(None)}
    clips = {
        name: np.stack([window[..., part] for window in windows]).reshape(shape)
        for name, part in parts.items()
    }
    return {
        **clips,
        "label": np.asarray([row.label for row in rows], np.int32),
        "video": np.asarray([row.video for row in rows], np.int32),
        "mask": np.asarray([row.mask for row in rows]),
    }


class LoadClip(grain.transforms.RandomMap):
    """Reads a random clip, cropped at random, of the video at a position of the subset."""

    def __init__(self, subset: Subset, spec: ClipSpec) -> None:
        self._subset, self._spec = subset, spec

    def random_map(self, position: int, rng: np.random.Generator) -> Row:
        """Returns one row of a batch."""
        spec, video = self._spec, self._subset.videos[position]
        start = sampling.random_start(rng, video.num_frames, frames=spec.frames, stride=spec.stride)
        numbers = sampling.frames_at(start, spec.offsets, video.num_frames)
        return _load(self._subset, position, numbers, spec, rng)


class TrainBatches:
    """An endless, checkpointable iterator over shuffled training batches.

    Every pass is its own permutation of the videos; what does not fill a batch is left for others.
    The iterator's position is all its state: every clip is a function of (seed, position).

    Attributes:
      per_epoch: number of batches in an epoch, which is `repeats` passes.
      iterator: the Grain iterator, for checkpoints.
    """

    def __init__(
        self,
        subset: Subset,
        spec: ClipSpec,
        *,
        batch_size: int,
        seed: int,
        reading: Reading,
        repeats: int = 1,
        process: Process = Process(),
    ) -> None:
        _check_divisible(batch_size, process)
        per_pass = len(subset.videos) // batch_size
        self.per_epoch = repeats * per_pass
        if per_pass == 0:
            raise InputError(
                f"config.train.batch_size: {batch_size} is larger than the training set "
                f"({len(subset.videos)} videos); use at most that"
            )
        longest = max(video.num_frames for video in subset.videos)
        if spec.span > longest:
            raise InputError(
                f"config.data.frames: {spec.frames} frames, {spec.stride} apart, span {spec.span}, "
                f"but the longest training video has {longest}; use fewer, or a smaller data.stride"
            )
        dataset = (
            grain.MapDataset.range(len(subset.videos))
            .seed(seed)
            .shuffle()[: per_pass * batch_size]
            .random_map(LoadClip(subset, spec))[process.index :: process.count]
            .batch(batch_size // process.count, drop_remainder=True, batch_fn=batch_rows)
            .repeat()
        )
        self.iterator = iter(_to_iterable(dataset, reading))

    def __iter__(self) -> Iterator[HostBatch]:
        return self.iterator

    def __next__(self) -> HostBatch:
        return next(self.iterator)


class _LoadRows(grain.transforms.Map):
    """Reads one evaluation batch: rows of (position, start), padded with (-1, 0)."""

    def __init__(self, subset: Subset, spec: ClipSpec, rows: np.ndarray) -> None:
        self._subset, self._spec, self._rows = subset, spec, rows

    def map(self, index: int) -> HostBatch:
        spec = self._spec
        rows = []
        for position, start in self._rows[index].tolist():
            video = self._subset.videos[max(position, 0)]
            numbers = sampling.frames_at(start, spec.offsets, video.num_frames)
            row = _load(self._subset, max(position, 0), numbers, spec, None)
            rows.append(row._replace(mask=position >= 0))
        return batch_rows(rows)


class EvalBatches:
    """The evaluation clips of a subset, in order, each exactly once, padded to whole batches.

    Attributes:
      num_batches: the same in every process.
    """

    def __init__(
        self,
        subset: Subset,
        spec: ClipSpec,
        *,
        batch_size: int,
        max_clips: int | None,
        reading: Reading,
        process: Process = Process(),
    ) -> None:
        """`max_clips=None` takes the one clip in the middle of each video."""
        _check_divisible(batch_size, process)
        rows = evaluation_rows(subset, spec, max_clips)
        self.num_batches = -(-len(rows) // batch_size)
        padding = np.tile([[-1, 0]], (self.num_batches * batch_size - len(rows), 1))
        batches = np.concatenate([rows, padding]).reshape(self.num_batches, batch_size, 2)
        dataset = grain.MapDataset.range(self.num_batches).map(
            _LoadRows(subset, spec, batches[:, process.index :: process.count])
        )
        # In threads: worker processes would start anew for every evaluation.
        self._dataset = _to_iterable(dataset, dataclasses.replace(reading, workers=0))

    def __iter__(self) -> Iterator[HostBatch]:
        return iter(self._dataset)


def evaluation_rows(subset: Subset, spec: ClipSpec, max_clips: int | None) -> np.ndarray:
    """Returns int64 [n, 2]: position in the subset and first frame of each evaluation clip."""
    rows: list[tuple[int, int]] = []
    for position, video in enumerate(subset.videos):
        starts: Sequence[int]
        if max_clips is None:
            starts = [
                sampling.centre_start(video.num_frames, frames=spec.frames, stride=spec.stride)
            ]
        else:
            starts = sampling.grid_starts(
                video.num_frames, frames=spec.frames, stride=spec.stride, max_clips=max_clips
            )
        rows.extend((position, start) for start in starts)
    return np.asarray(rows, np.int64).reshape(-1, 2)


def _load(
    subset: Subset,
    position: int,
    numbers: np.ndarray,
    spec: ClipSpec,
    rng: np.random.Generator | None,
) -> Row:
    """Reads and crops one clip: at random with `rng`, else in the centre."""
    video = subset.videos[position]
    if spec.sampler == "still":
        numbers = sampling.still(numbers)
    frames = subset.dataset.frames(video.index, numbers)
    height, width = frames[0].shape[:2]
    size = spec.crop
    if rng is not None and spec.crop_sizes:
        size = int(rng.choice(spec.crop_sizes))
    if min(height, width) < size:
        raise InputError(
            f"config.data.crop: {size} is larger than video '{video.id}' ({width}x{height}); "
            "use a smaller crop, or convert with a larger --short_side"
        )
    top, left = (
        sampling.centre_crop(height, width, size)
        if rng is None
        else sampling.random_crop(rng, height, width, size)
    )
    window = np.s_[top : top + size, left : left + size]
    windows = [_resize(frame[window], spec.crop) for frame in frames]
    return Row(windows, video.label, position)


def _resize(window: np.ndarray, size: int) -> np.ndarray:
    """Returns a square window at `size` pixels; bilinear, as TY's released code."""
    if len(window) == size:
        return window
    return cv2.resize(window, (size, size), interpolation=cv2.INTER_LINEAR)


def _check_divisible(batch_size: int, process: Process) -> None:
    if batch_size % process.count:
        raise InputError(
            f"batch_size: {batch_size} is not a multiple of the {process.count} processes"
        )


def _to_iterable(dataset: Any, reading: Reading) -> Any:
    """Turns a map of batches into an iterable that reads ahead, in threads or worker processes."""
    options = grain.ReadOptions(
        num_threads=reading.threads, prefetch_buffer_size=max(reading.prefetch, reading.threads)
    )
    iterable = dataset.to_iter_dataset(options)
    if reading.workers:
        if not flags.FLAGS.is_parsed():  # Grain reads flags; a library's caller may have none
            flags.FLAGS.mark_as_parsed()
        iterable = iterable.mp_prefetch(
            grain.multiprocessing.MultiprocessingOptions(num_workers=reading.workers)
        )
    return iterable
