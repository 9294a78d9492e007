"""Computes the scores of a pair of networks on a split, once, for studies."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax import data
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.data.pipeline import evaluation_frames, evaluation_rows
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.collect import Collected, collect
from vidkd_jax.inference import pair as pairs
from vidkd_jax.inference.pair import CONFIDENCE, Asked, Loaded, Pair
from vidkd_jax.inference.scores import Scores
from vidkd_jax.networks import weights
from vidkd_jax.run import inputs
from vidkd_jax.run.workdir import saved_settings
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings.settings import Settings

SPLITS = ("val", "test")


def cached(
    path: Path, sampler: Path, teacher: Path, *, split: str = "test", data_of: Path | None = None
) -> Scores:
    """Returns the scores in a file, or computes and writes them if the file is not theirs.

    The file counts if it was made of the same weights. See `score` for the arguments.
    """
    digests = tuple(weights.digests([str(teacher), str(sampler)]))
    if path.is_file():
        kept = Scores.load(path)
        if kept.digests == digests:
            return kept
    found = score(sampler, teacher, split=split, data_of=data_of)
    found.save(path)
    return found


def score(
    sampler: Path, teacher: Path, *, split: str = "test", data_of: Path | None = None
) -> Scores:
    """Asks a sampler and a teacher about every evaluation clip of a split.

    The clips are the teacher's, cut from the videos of a run as this run cuts and limits them.

    Args:
      sampler: workdir of the run that chooses clips.
      teacher: workdir of the run, or folder of the weights, that answers.
      split: "val" or "test".
      data_of: workdir of the run whose videos are meant; None: the sampler's. A teacher may have
        been trained on other videos.

    Raises:
      InputError: the two do not fit each other, or the videos are not there.
    """
    if split not in SPLITS:
        raise ValueError(f"split '{split}': must be one of {SPLITS}")
    own, other = pairs.load("sampler", sampler), pairs.load("teacher", teacher)
    settings = saved_settings(data_of or sampler)
    if settings is None:
        raise InputError(
            f"'{data_of or sampler}' holds no run, so it is not known which videos are meant"
        )
    both = pairs.pair(_cut_as(settings, other), _cut_as(settings, own))
    subset: data.Subset = getattr(inputs.load_splits(settings.data), split)
    of_teacher = _collect(settings, both, both.teacher, subset, "teacher")
    assert both.sampler is not None
    of_sampler = _collect(settings, both, both.sampler, subset, "sampler").outputs
    confidence = of_sampler.get(CONFIDENCE)
    return Scores(
        teacher=of_teacher.outputs["logits"],
        labels=np.array([video.label for video in subset.videos]),
        videos=of_teacher.videos,
        names=np.array([video.id for video in subset.videos]),
        groups=np.array([video.group for video in subset.videos]),
        spans=_spans(settings, both, subset),
        average=other.cutting.average,
        sampler=of_sampler.get("logits"),
        confidence=None if confidence is None else confidence[:, 0],
        digests=(weights.digest(other.variables), weights.digest(own.variables)),
    )


def _cut_as(settings: Settings, loaded: Loaded) -> Loaded:
    """Returns a network that is shown what is cut from the videos of a run."""
    cut = dataclasses.replace(
        loaded.cutting,
        short_side=settings.data.short_side,
        crop=settings.data.crop,
        fps=settings.data.fps,
        still=settings.data.sampler == "still",
    )
    return dataclasses.replace(loaded, cutting=cut)


def _collect(
    settings: Settings, both: Pair, asked: Asked, subset: data.Subset, title: str
) -> Collected:
    """Returns a network's outputs for every evaluation clip."""
    batches = inputs.eval_batches(settings, subset, both.spec, max_clips=settings.eval.max_clips)
    with progress_bar(total=batches.num_batches, desc=title, delay=5, leave=False) as bar:

        def predict(batch: dict[str, np.ndarray]) -> Mapping[str, Any]:
            bar.update()
            return asked.step(asked.variables, batch)

        return collect(predict, batches)


def _spans(settings: Settings, both: Pair, subset: data.Subset) -> np.ndarray:
    """Returns the first frame of each clip of the teacher and the one after its last, [n, 2]."""
    spec = ClipSpec(both.own, settings.data.crop)
    most = settings.eval.max_clips
    rows = evaluation_rows(subset, spec, most).tolist()
    frames = [evaluation_frames(spec, subset.videos[p].num_frames, most)[i] for p, i in rows]
    return np.array([(each.min(), each.max() + 1) for each in frames])
