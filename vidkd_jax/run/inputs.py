"""From settings to what a run reads: the videos, the clips and their shapes, the batches."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import jax

from vidkd_jax import data
from vidkd_jax.annotations import DATASETS, Dataset, read_dataset
from vidkd_jax.data import files, pipeline
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.samplers import Contiguous, Sampler, Segments
from vidkd_jax.settings.settings import DataSettings, Settings


def read_lists(settings: DataSettings) -> Dataset | None:
    """Returns the lists of the video files that a run reads; None where it reads records.

    Of many videos that takes long: what needs the lists twice reads them once, and hands them on.

    Raises:
      InputError: the lists are not there, or wrong.
    """
    if settings.source == "records":
        return None
    if not settings.videos:
        raise InputError("config.data.videos: names no folder; give the folder of video files")
    if settings.name not in DATASETS:
        raise InputError(
            f"config.data.name: '{settings.name}' is no format of lists"
            f"{suggest(settings.name, DATASETS)}; with data.source='videos' it is one"
        )
    lists = Path(settings.annotations) if settings.annotations else None
    try:
        return read_dataset(settings.name, lists, Path(settings.videos), split=settings.split)
    except InputError as error:  # which names the flags of `data_prep.build`
        said = re.sub(r"--(videos|annotations)\b", r"--config.data.\1", str(error))
        raise InputError(said) from error


def load_splits(settings: DataSettings, lists: Dataset | None = None) -> data.Splits:
    """Opens the videos that train, validate and test.

    Args:
      settings: of the run.
      lists: what `read_lists` has returned; None: they are read.

    Raises:
      InputError: the data is not there, or not as the config says.
    """
    return data.load_splits(
        _open_split(settings, lists or read_lists(settings)),
        val=settings.val,
        val_fraction=settings.val_fraction,
        fraction=settings.fraction,
        subset_seed=settings.subset_seed,
        folds=settings.folds,
        fold=settings.fold,
    )


def _open_split(
    settings: DataSettings, lists: Dataset | None
) -> Callable[[str], data.VideoDataset]:
    if lists is None:
        return data.open_records(records_of(settings))
    return files.open_listed(lists, short_side=settings.short_side, fps=settings.fps)


def records_of(settings: DataSettings) -> data.RecordSet:
    """Returns which records a run reads."""
    fields = ("name", "split", "short_side", "modality", "fps")
    return data.RecordSet(Path(settings.root), *(getattr(settings, field) for field in fields))


def records_identity(settings: DataSettings, lists: Dataset | None = None) -> str:
    """Returns a hash of the lists and video files that a run reads, or its records were made of.

    Args:
      settings: of the run.
      lists: what `read_lists` has returned; None: they are read.
    """
    try:
        lists = lists or read_lists(settings)
    except InputError:  # they are gone, which a finished run does not mind; opening them says so
        return ""
    return records_of(settings).identity() if lists is None else files.identity(lists)


def student_sampler(settings: Settings) -> Sampler:
    """Returns what draws the student's clips: the method, or `data.sampler` in its place.

    Raises:
      InputError: the method needs clips of neighbouring frames.
    """
    cut = settings.data
    own = settings.method.sampler(cut.frames, cut.stride)
    if cut.sampler != "segments" or own.offsets is None:
        return own
    if not isinstance(own, Contiguous):
        raise InputError(
            f"config.data.sampler: 'segments', but method '{settings.method_name}' draws "
            f"{own.describe()}; set data.sampler='clip'"
        )
    return Segments(cut.frames)


def clip_spec(settings: DataSettings, sampler: Sampler) -> ClipSpec:
    """Returns how clips are cut from the frames that a sampler chooses."""
    return ClipSpec(sampler, settings.crop, settings.crop_sizes)


def in_channels(settings: DataSettings) -> int:
    """Number of channels that the student sees; "rgb_flow" has the flow for a teacher."""
    return 2 if settings.modality == "flow" else 3


def window_shapes(settings: DataSettings, sampler: Sampler) -> Mapping[str, tuple[int, ...]]:
    """Shapes [b, n, t, h, w, c] of one row of a batch, by view."""
    frames = sampler.sample(sampler.span, [0.0] * sampler.num_draws).shape
    shape = (1, *frames, settings.crop, settings.crop)
    return {"clip": (*shape, in_channels(settings)), "flow": (*shape, 2)}


def train_batches(settings: Settings, subset: data.Subset, spec: ClipSpec) -> data.TrainBatches:
    """Returns this process' share of the endless training batches.

    Raises:
      InputError: there are fewer videos than a batch has, or none is as long as a clip.
    """
    return data.TrainBatches(
        subset,
        spec,
        batch_size=settings.train.batch_size,
        seed=settings.seed,
        repeats=settings.train.repeats,
        balanced=settings.data.balanced,
        epochs_done=settings.train.fork_epoch,
        reading=_reading(settings.data),
        process=_process(),
    )


def eval_batches(settings: Settings, clips: data.EvalClips) -> data.EvalBatches:
    """Returns batches of evaluation clips."""
    return data.EvalBatches(
        clips,
        batch_size=settings.eval.batch_size,
        reading=_reading(settings.data),
        process=_process(),
    )


def _reading(settings: DataSettings) -> pipeline.Reading:
    return pipeline.Reading(settings.threads, settings.workers, settings.prefetch)


def _process() -> pipeline.Process:
    return pipeline.Process(jax.process_index(), jax.process_count())
