"""From a config to what a run reads: the videos, the clips and their shapes, the batches."""

from collections.abc import Callable
from pathlib import Path

import jax
from ml_collections import ConfigDict

from vidkd_jax import data
from vidkd_jax.data import pipeline
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.run import workdir


def load_splits(config: ConfigDict) -> data.Splits:
    """Opens the videos that train, validate and test.

    Raises:
      InputError: the data is not there, or not as the config says.
    """
    return data.load_splits(
        _open_split(config),
        val=config.data.val,
        val_fraction=config.data.val_fraction,
        fraction=config.data.fraction,
    )


def _open_split(config: ConfigDict) -> Callable[[str], data.VideoDataset]:
    if config.data.source == "videos":
        from vidkd_jax.data import files  # knows data_prep: only where asked for

        if not config.data.videos:
            raise InputError("config.data.videos: names no folder; give the folder of video files")
        if config.data.name not in files.formats():
            raise InputError(
                f"config.data.name: '{config.data.name}' is no format of lists"
                f"{suggest(config.data.name, files.formats())}; with data.source='videos' it is one"
            )
        return files.open_files(
            config.data.name,
            Path(config.data.videos),
            config.data.annotations or None,
            split=config.data.split,
            short_side=config.data.short_side,
        )
    return data.open_records(**workdir.records_of(config))


def clip_spec(config: ConfigDict, others: tuple[int, ...] = ()) -> pipeline.ClipSpec:
    """Returns how clips are cut; with the frames `others`, counted from a clip's start, as well."""
    return pipeline.ClipSpec(
        config.data.frames,
        config.data.stride,
        config.data.crop,
        config.data.sampler,
        others,
        config.data.crop_sizes,
    )


def in_channels(config: ConfigDict) -> int:
    """Number of channels that the student sees; "rgb_flow" has the flow for a teacher."""
    return 2 if config.data.modality == "flow" else 3


def clip_shape(config: ConfigDict) -> tuple[int, int, int, int]:
    """[t, h, w, c] of the student's input."""
    size = config.data.size or config.data.crop
    return (config.data.frames, size, size, in_channels(config))


def window_shapes(config: ConfigDict, spec: pipeline.ClipSpec) -> dict[str, tuple[int, ...]]:
    """Shapes [b, t, h, w, c] of what is cut from the records, by view."""
    frames, crop = len(spec.offsets), config.data.crop
    channels = in_channels(config)
    return {"clip": (1, frames, crop, crop, channels), "flow": (1, frames, crop, crop, 2)}


def train_batches(
    config: ConfigDict, subset: data.Subset, spec: pipeline.ClipSpec
) -> data.TrainBatches:
    """Returns this process' share of the endless training batches.

    Raises:
      InputError: there are fewer videos than a batch has, or none is as long as a clip.
    """
    return data.TrainBatches(
        subset,
        spec,
        batch_size=config.train.batch_size,
        seed=config.seed,
        repeats=config.train.repeats,
        reading=_reading(config),
        process=_process(),
    )


def eval_batches(
    config: ConfigDict, subset: data.Subset, spec: pipeline.ClipSpec, *, max_clips: int | None
) -> data.EvalBatches:
    """Returns the evaluation clips of a subset; one centre clip a video for `None`."""
    return data.EvalBatches(
        subset,
        spec,
        batch_size=config.eval.batch_size,
        max_clips=max_clips,
        reading=_reading(config),
        process=_process(),
    )


def _reading(config: ConfigDict) -> pipeline.Reading:
    return pipeline.Reading(config.data.threads, config.data.workers, config.data.prefetch)


def _process() -> pipeline.Process:
    return pipeline.Process(jax.process_index(), jax.process_count())
