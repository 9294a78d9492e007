"""Grain pipelines: shuffled training batches, and the fixed grid of evaluation clips.

`vidkd_jax.data.clips` says what a batch holds. A pipeline gives this process' share of the rows of
the global batch.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import grain
import numpy as np
from absl import flags

from vidkd_jax.data.clips import ClipSpec, HostBatch, Row, load_batch, random_row
from vidkd_jax.data.splits import Subset
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.runtime.cores import usable_cores
from vidkd_jax.runtime.workers import follow_parent

_MOST_THREADS = 16  # each holds a batch
_ORDER, _CLIPS = 0, 1  # what a stream of random numbers is for
_ENDLESS = 2**40  # batches
_LEAST = 64  # batches of an epoch whose number of passes is left open


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the host reads.

    Attributes:
      threads: that read, in each process that reads; 0: see `num_threads`.
      workers: processes that read; 0: threads of this process only.
      prefetch: how many batches are read ahead, but no fewer than threads, each of which has one.
    """

    threads: int = 2
    workers: int = 0
    prefetch: int = 8

    @property
    def num_threads(self) -> int:
        """Returns `threads`, or for 0 one a core, up to 16, for which workers share the cores."""
        each = usable_cores() // max(self.workers, 1)
        return self.threads or max(min(each, _MOST_THREADS), 1)


@dataclasses.dataclass(frozen=True)
class Process:
    """Which of the processes that train together this one is.

    Attributes:
      index: of this process.
      count: of all of them.
    """

    index: int = 0
    count: int = 1


class _LoadTraining(grain.transforms.Map):
    """Reads a training batch by its number: a function of (seed, number)."""

    def __init__(
        self, subset: Subset, spec: ClipSpec, passes: "_Passes", batch_size: int, process: Process
    ) -> None:
        self._subset, self._spec, self._passes = subset, spec, passes
        self._batch_size, self._process = batch_size, process

    def map(self, number: int) -> HostBatch:
        """Returns this process' rows."""
        number_of_pass, index = divmod(number, self._passes.length // self._batch_size)
        begin = index * self._batch_size
        positions = _order(self._passes, number_of_pass)[begin : begin + self._batch_size]
        rng = np.random.default_rng((self._passes.seed, _CLIPS, number))
        draws = rng.random((self._batch_size, self._spec.num_draws))
        own = slice(self._process.index, None, self._process.count)
        rows = [
            random_row(self._subset, self._spec, position, each)
            for position, each in zip(positions[own].tolist(), draws[own].tolist(), strict=True)
        ]
        return load_batch(self._subset, self._spec, rows)


@dataclasses.dataclass(frozen=True, eq=False)
class _Passes:
    """Passes over the videos, each in an order of its own.

    Attributes:
      seed: of the orders.
      parts: positions of the videos of each part, of which a pass shows equally many: all videos,
        or those of each class.
    """

    seed: int
    parts: tuple[np.ndarray, ...]

    @classmethod
    def over(cls, subset: Subset, seed: int, *, balanced: bool) -> "_Passes":
        """Returns the passes over a subset; `balanced`: over each class alike."""
        labels = np.asarray([video.label for video in subset.videos], np.int64)
        if not balanced:
            return cls(seed, (np.arange(len(labels)),))
        return cls(seed, tuple(np.flatnonzero(labels == label) for label in np.unique(labels)))

    @property
    def length(self) -> int:
        """How many videos a pass shows; of a part that is smaller than others some repeatedly."""
        return len(self.parts) * max(map(len, self.parts), default=0)


@functools.lru_cache(maxsize=4)  # threads read ahead into the next passes
def _order(passes: _Passes, number_of_pass: int) -> np.ndarray:
    """Returns the positions of the videos in the order of one pass."""
    rng = np.random.default_rng((passes.seed, _ORDER, number_of_pass))
    if len(passes.parts) == 1:
        return rng.permutation(passes.parts[0])
    each = passes.length // len(passes.parts)
    return rng.permutation(
        np.concatenate([np.resize(rng.permutation(part), each) for part in passes.parts])
    )


def passes_per_epoch(videos: int, batch_size: int, repeats: int) -> int:
    """Returns `repeats`; for 0, how many passes over so many videos make at least 64 batches."""
    return repeats or -(-_LEAST // max(videos // batch_size, 1))


class TrainBatches:
    """An endless, checkpointable iterator over shuffled training batches.

    Every pass over the videos has its own order. The videos at the end of a pass that do not fill a
    batch are left out of this pass. An epoch has `passes_per_epoch` passes. A batch is a function
    of the seed and of its number, so the iterator's position is its whole state.

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
        balanced: bool = False,
        epochs_done: int = 0,
        process: Process = Process(),
    ) -> None:
        """Opens the videos; nothing is read before the first batch is asked for.

        Args:
          subset: the videos.
          spec: how clips are cut.
          batch_size: of the global batch.
          seed: of the orders and of the clips.
          reading: how the host reads.
          repeats: passes in an epoch; 0: see `passes_per_epoch`.
          balanced: whether a pass shows the videos of each class equally often.
          epochs_done: left out at the start: those of the run that this one forks from.
          process: which share is read.

        Raises:
          InputError: there are fewer videos than a batch has, no video is as long as a clip, or the
            processes cannot share a batch evenly.
        """
        _check_divisible(batch_size, process)
        passes = _Passes.over(subset, seed, balanced=balanced)
        per_pass = passes.length // batch_size
        if per_pass == 0:
            raise InputError(
                f"config.train.batch_size: {batch_size} is larger than the training set "
                f"({len(subset.videos)} videos); use at most that"
            )
        longest = max(video.num_frames for video in subset.videos)
        if spec.sampler.span > longest:
            raise InputError(
                f"config.data.frames: {spec.sampler.describe()}, span {spec.sampler.span}, but the "
                f"longest training video has {longest}; use fewer, or a smaller data.stride"
            )
        self.per_epoch = per_pass * passes_per_epoch(passes.length, batch_size, repeats)
        load = _LoadTraining(subset, spec, passes, batch_size, process)
        first = epochs_done * self.per_epoch
        dataset = grain.MapDataset.range(first, first + _ENDLESS).map(load)
        self.iterator = iter(_to_iterable(dataset, reading))

    def __iter__(self) -> Iterator[HostBatch]:
        return self

    def __next__(self) -> HostBatch:
        try:
            return next(self.iterator)
        except RuntimeError as error:
            if "terminated unexpectedly" not in str(error):  # as Grain says it
                raise
            raise RunError(
                "a process that reads videos was killed (out of memory?); run the same command "
                "again to continue"
            ) from error

    def close(self) -> None:
        """Ends the threads or processes that read ahead; there are no batches after."""
        self.iterator.close()


@dataclasses.dataclass(frozen=True, eq=False)
class EvalClips:
    """The clips of videos that are evaluated.

    Attributes:
      subset: the videos.
      spec: how clips are cut.
      max_clips: of a video; 0: all; None: the one in the middle.
    """

    subset: Subset
    spec: ClipSpec
    max_clips: int | None

    def frames(self, num_frames: int) -> np.ndarray:
        """Returns the frames of the clips of a video, int64 [m, n, t]."""
        return _frames(self.spec, num_frames, self.max_clips)

    def rows(self) -> np.ndarray:
        """Returns int64 [m, 2]: a position in the subset, and a place among its video's clips."""
        lengths = np.asarray([video.num_frames for video in self.subset.videos], np.int64)
        counts = {n: len(self.frames(n)) for n in set(lengths.tolist())}
        rows = [
            (position, place)
            for position, length in enumerate(lengths.tolist())
            for place in range(counts[length])
        ]
        return np.asarray(rows, np.int64).reshape(-1, 2)


@functools.lru_cache(maxsize=1024)  # the clips of one video are read one by one
def _frames(spec: ClipSpec, num_frames: int, max_clips: int | None) -> np.ndarray:
    if max_clips is None:
        return spec.sampler.centre(num_frames)[None]
    return spec.sampler.grid(num_frames, max_clips or None)


class _LoadRows(grain.transforms.Map):
    """Reads one evaluation batch: rows of (position, place), padded with (-1, 0)."""

    def __init__(self, clips: EvalClips, rows: np.ndarray) -> None:
        self._clips, self._rows = clips, rows

    def map(self, index: int) -> HostBatch:
        subset, rows = self._clips.subset, []
        for position, place in self._rows[index].tolist():
            video = subset.videos[max(position, 0)]
            frames = self._clips.frames(video.num_frames)[place]
            rows.append(Row(max(position, 0), frames, mask=position >= 0))
        return load_batch(subset, self._clips.spec, rows)


class EvalBatches:
    """Evaluation clips in order, each exactly once, padded to whole batches.

    There are as many batches in every process.

    Raises:
      InputError: the processes cannot share a batch evenly.
    """

    def __init__(
        self,
        clips: EvalClips,
        *,
        batch_size: int,
        reading: Reading,
        process: Process = Process(),
    ) -> None:
        _check_divisible(batch_size, process)
        rows = clips.rows()
        self._count = -(-len(rows) // batch_size)
        padding = np.tile([[-1, 0]], (self._count * batch_size - len(rows), 1))
        batches = np.concatenate([rows, padding]).reshape(self._count, batch_size, 2)
        dataset = grain.MapDataset.range(self._count).map(
            _LoadRows(clips, batches[:, process.index :: process.count])
        )
        # Threads only: worker processes would have to be started again for every evaluation.
        self._dataset = _to_iterable(dataset, dataclasses.replace(reading, workers=0))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[HostBatch]:
        return iter(self._dataset)


def _check_divisible(batch_size: int, process: Process) -> None:
    if batch_size % process.count:
        raise InputError(
            f"batch_size: {batch_size} is not a multiple of the {process.count} processes"
        )


def _to_iterable(dataset: Any, reading: Reading) -> Any:
    """Turns a map of batches into an iterable that reads ahead, in threads or worker processes."""
    options = grain.ReadOptions(
        num_threads=reading.num_threads,
        prefetch_buffer_size=max(reading.prefetch, reading.num_threads),
    )
    iterable = dataset.to_iter_dataset(options)
    if reading.workers:
        if not flags.FLAGS.is_parsed():  # Grain reads flags; a library's caller may have none
            flags.FLAGS.mark_as_parsed()
        iterable = iterable.mp_prefetch(
            grain.multiprocessing.MultiprocessingOptions(num_workers=reading.workers),
            worker_init_fn=follow_parent,
        )
    return iterable
