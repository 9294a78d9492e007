"""Grain pipelines: shuffled training batches, and the fixed grid of evaluation clips.

A batch is a dict: "clip" uint8 [b, t, h, w, c], "label" int32 [b], "video" int32 [b] (position in
its subset), "mask" bool [b] (False: padding). `b` is this process' share of the global batch.
Clips are RGB (c = 3) or optical flow (c = 2); where both are read, "clip" is RGB and "flow" is the
flow of the same clip.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import grain
import numpy as np
from absl import flags

from vidkd_jax.data import sampling
from vidkd_jax.data.clips import ClipSpec, HostBatch, Row, load_batch, random_row
from vidkd_jax.data.splits import Subset
from vidkd_jax.errors import InputError

_ORDER, _CLIPS = 0, 1  # what a stream of random numbers is for
_ENDLESS = 2**40  # batches
_LEAST = 64  # batches of an epoch whose number of passes is left open


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


class _LoadTraining(grain.transforms.Map):
    """Reads a training batch by its number: a function of (seed, number)."""

    def __init__(
        self, subset: Subset, spec: ClipSpec, *, batch_size: int, seed: int, process: Process
    ) -> None:
        self._subset, self._spec = subset, spec
        self._batch_size, self._seed, self._process = batch_size, seed, process
        self._orders: dict[int, np.ndarray] = {}

    def map(self, number: int) -> HostBatch:
        """Returns this process' rows."""
        per_pass = len(self._subset.videos) // self._batch_size
        number_of_pass, index = divmod(number, per_pass)
        begin = index * self._batch_size
        positions = self._order(number_of_pass)[begin : begin + self._batch_size]
        shares = np.random.default_rng((self._seed, _CLIPS, number)).random((self._batch_size, 4))
        rows = [
            random_row(self._subset, self._spec, position, each)
            for position, each in zip(positions.tolist(), shares.tolist(), strict=True)
        ]
        return load_batch(
            self._subset, self._spec, rows[self._process.index :: self._process.count]
        )

    def _order(self, number_of_pass: int) -> np.ndarray:
        """Returns the permutation of the videos in one pass; keeps those in use."""
        if number_of_pass not in self._orders:
            rng = np.random.default_rng((self._seed, _ORDER, number_of_pass))
            order = rng.permutation(len(self._subset.videos))
            kept = {n: o for n, o in self._orders.items() if abs(n - number_of_pass) == 1}
            self._orders = {**kept, number_of_pass: order}
            return order
        return self._orders[number_of_pass]


class TrainBatches:
    """An endless, checkpointable iterator over shuffled training batches.

    Every pass is its own permutation of the videos; what does not fill a batch is left for others.
    An epoch is `repeats` passes; for 0, as many as make at least 64 batches.
    The iterator's position is all its state: every batch is a function of (seed, its number).

    Attributes:
      per_epoch: number of batches in an epoch.
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
        self.per_epoch = per_pass * (repeats or -(-_LEAST // per_pass))
        load = _LoadTraining(subset, spec, batch_size=batch_size, seed=seed, process=process)
        dataset = grain.MapDataset.range(_ENDLESS).map(load)
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
        rows = [
            Row(max(position, 0), start, mask=position >= 0)
            for position, start in self._rows[index].tolist()
        ]
        return load_batch(self._subset, self._spec, rows)


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
