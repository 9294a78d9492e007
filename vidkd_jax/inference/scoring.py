"""Asks networks about every evaluation clip of a split, each network once, for studies."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vidkd_jax import data
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.collect import collect
from vidkd_jax.inference import batching
from vidkd_jax.inference import pair as pairs
from vidkd_jax.inference.loaded import CONFIDENCE, Loaded, load
from vidkd_jax.inference.pair import Asked, Pair
from vidkd_jax.inference.scores import Scores
from vidkd_jax.networks import weights
from vidkd_jax.run import inputs
from vidkd_jax.run.kept import Said, kept
from vidkd_jax.settings.settings import Settings

SPLITS = ("val", "test")


def score(
    teacher: Path,
    sampler: Path | None = None,
    *,
    settings: Settings,
    split: str = "test",
    keep: Path | None = None,
) -> Scores:
    """Asks a teacher, and perhaps a sampler, about every evaluation clip of a split.

    The clips are the teacher's, cut from the videos as the settings say. A teacher may have been
    trained on other videos, of the same classes.

    Args:
      teacher: workdir of the run, or folder of the weights, that answers.
      sampler: workdir of the run that chooses clips; None: the teacher alone is asked.
      settings: whose videos are meant, and how they are cut and limited.
      split: "val" or "test".
      keep: folder for the answers. A network that has answered about the same clips before is not
        asked again, whichever network was beside it; None: nothing is kept.

    Raises:
      InputError: the two do not fit each other or the videos' classes, the videos are not there,
        or kept answers are damaged.
      ValueError: `split` is neither.
    """
    if split not in SPLITS:
        raise ValueError(f"split '{split}': must be one of {SPLITS}")
    other, own, both = _loaded(teacher, sampler, settings)
    lists = inputs.read_lists(settings.data)
    splits = inputs.load_splits(settings.data, lists)
    for loaded in (other, own):
        _check_classes(loaded, splits.class_names)
    subset: data.Subset = getattr(splits, split)
    crop, most = settings.data.crop, settings.eval.max_clips
    own_clips = data.EvalClips(subset, ClipSpec(both.own, crop), most)
    clips, rows = data.EvalClips(subset, both.spec, most), own_clips.rows()
    records = "" if keep is None else inputs.records_identity(settings.data, lists)

    def said(loaded: Loaded, asked: Asked, title: str) -> Said:
        return kept(
            keep,
            weights.digest(loaded.variables),
            asked.network,
            partial(_ask, settings, asked, clips, title),
            clips=clips,
            data=settings.data,
            records=records,
            outputs=asked.outputs,
        )

    of_sampler: Said = {}
    if own is not None:
        assert both.sampler is not None
        of_sampler = said(own, both.sampler, "sampler")
    confidence = of_sampler.get(CONFIDENCE)
    return Scores(
        teacher=said(other, both.teacher, "teacher")["logits"],
        labels=np.array([video.label for video in subset.videos]),
        videos=rows[:, 0],
        names=np.array([video.id for video in subset.videos]),
        groups=np.array([video.group for video in subset.videos]),
        spans=_spans(own_clips, rows),
        average=other.cutting.average,
        sampler=of_sampler.get("logits"),
        confidence=None if confidence is None else confidence[:, 0],
    )


def seconds_per_clip(
    teacher: Path, sampler: Path | None = None, *, settings: Settings
) -> tuple[float, float]:
    """Measures what a clip costs a teacher, and a sampler (0 without), in seconds.

    In batches of the evaluation, compiled before; of a clip's pixels, without decoding. See `score`
    for the arguments.
    """
    _, _, both = _loaded(teacher, sampler, settings)
    return batching.seconds_per_clip(both, settings.eval.batch_size)


def _loaded(
    teacher: Path, sampler: Path | None, settings: Settings
) -> tuple[Loaded, Loaded | None, Pair]:
    """Returns the networks, and both side by side on the videos that the settings mean."""
    other = load("teacher", teacher)
    pairs.contiguous(other)  # else its clips cannot be chosen one by one
    own = None if sampler is None else load("sampler", sampler)
    beside = None if own is None else _cut_as(settings, own)
    return other, own, pairs.pair(_cut_as(settings, other), beside)


def _check_classes(loaded: Loaded | None, class_names: Sequence[str]) -> None:
    """Refuses a network whose labels are not the videos'.

    Raises:
      InputError: says how they differ.
    """
    if loaded is None or not loaded.card.answers:
        return
    if other := loaded.card.other_classes(len(class_names), class_names):
        raise InputError(
            f"{loaded.name}: {other} as the data set has; give a network of these classes"
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


def _ask(settings: Settings, asked: Asked, clips: data.EvalClips, title: str) -> Said:
    """Returns a network's outputs for every evaluation clip."""
    batches = inputs.eval_batches(settings, clips)
    return collect(partial(asked.step, asked.variables), batches, title).outputs


def _spans(clips: data.EvalClips, rows: np.ndarray) -> np.ndarray:
    """Returns the first frame of each clip and the one after its last, [n, 2]."""
    videos = clips.subset.videos
    frames = [clips.frames(videos[video].num_frames)[place] for video, place in rows.tolist()]
    return np.array([(each.min(), each.max() + 1) for each in frames])
