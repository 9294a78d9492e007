"""Reads the figures of a row whose videos are answered by chosen clips (`row.Selection`)."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.inference.scores import Scores
from vidkd_jax.inference.scoring import score, seconds_per_clip
from vidkd_jax.inference.study import Outcome, Study
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.settings.settings import Settings
from vidkd_jax.tables.alike import given
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import naming_metric
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import Selection
from vidkd_jax.tables.run_files import read_settings
from vidkd_jax.tables.run_results import GroupSums, RunResult
from vidkd_jax.tables.shown import Shown

_NETWORK_TIME = "network_ms"
_NUMBERS = ("clips", "clip_share", "stop_at", _NETWORK_TIME)
_SHUFFLE = 0  # the seed of shuffled labels


def read_selected(arm: Arm, shown: Shown, metrics: Sequence[Metric]) -> RunResult:
    """Returns the metrics of a finished run's row with a selection.

    Networks are asked where they have not been before; `Arm.answers` has their answers.

    Args:
      arm: the run: the sampler, or the teacher where there is none.
      shown: the column, whose videos are answered.
      metrics: of videos; or "clips", how many a video the teacher sees on average, "clip_share",
        how many that is of those there are, "stop_at", the threshold that was taken, NaN without,
        and "network_ms", the time of both networks, measured here.

    Raises:
      InputError: the two networks do not fit, the videos are not there, or a metric is none of
        these.
    """
    test, settings, selection = decided(arm, shown)
    outcome, (threshold,) = _outcome(test, selection), selection.thresholds()
    seen = outcome.seen[:, 0].mean(axis=0)
    numbers = {
        "clips": seen.mean(),
        "clip_share": seen.sum() / test.scores.counts.sum(),
        "stop_at": np.nan if threshold is None else threshold,
    }
    if any(metric.name == _NETWORK_TIME for metric in metrics):
        teacher, sampler = _seconds(*networks(arm), settings)
        per_video = teacher * seen.mean() + sampler * test.scores.counts.mean()
        numbers[_NETWORK_TIME] = 1000 * per_video
    return _summed(test.scores, outcome, metrics, settings.eval.calibration_bins, numbers)


def chosen_clips(arm: Arm, shown: Shown) -> tuple[Scores, np.ndarray]:
    """Returns the test clips and which of them the teacher sees, bool [passes, n].

    See `read_selected`.
    """
    test, _, selection = decided(arm, shown)
    (most,), (threshold,) = selection.all_ks(), selection.thresholds()
    if threshold is None:
        ks = (most - selection.student_k,)
        chosen = test.chosen(selection.selector, ks, passes=selection.passes)
    else:
        chosen = test.chosen_until_sure(
            selection.selector, most, (threshold,), passes=selection.passes
        )
    return test.scores, chosen[:, 0]


def decided(arm: Arm, shown: Shown) -> tuple[Study, Settings, Selection]:
    """Returns the test scores, the settings that say which videos, and the selection of one K.

    See `read_selected`.
    """
    selection = arm.row.selection
    assert selection is not None
    test, settings = _study(arm, shown, "test")
    tried = selection.tried()
    if len(tried) > 1:
        validation, _ = _study(arm, shown, "val")
        return test, settings, _best(validation, tried)
    return test, settings, tried[0]


def accuracies(arm: Arm, shown: Shown, ks: Sequence[int]) -> np.ndarray:
    """Returns a row's Video@1 at each K instead of its own, [passes, Ks]; see `read_selected`.

    It is NaN where K is less than the sampler's own share of the clips.
    """
    own = arm.row.selection
    assert own is not None
    tops = {}
    for k in [k for k in ks if k >= own.student_k]:
        row = dataclasses.replace(arm.row, selection=dataclasses.replace(own, k=k))
        study, _, selection = decided(dataclasses.replace(arm, row=row), shown)
        tops[k] = _outcome(study, selection).top1[:, 0]
    unknown = np.full_like(next(iter(tops.values())), np.nan)
    return np.stack([tops.get(k, unknown) for k in ks], axis=1)


def _best(study: Study, tried: Sequence[Selection]) -> Selection:
    """Returns the selection of the best Video@1; of equal ones that of the fewest clips."""

    def merit(selection: Selection) -> tuple[float, float]:
        outcome = _outcome(study, selection)
        return float(outcome.top1.mean()), -float(outcome.clips.mean())

    return max(tried, key=merit)


def _outcome(study: Study, selection: Selection) -> Outcome:
    """Returns what a selection of one K and one threshold achieves."""
    (k,), (threshold,) = selection.all_ks(), selection.thresholds()
    if threshold is not None:
        return study.stopped(selection.selector, k, (threshold,), passes=selection.passes)
    if selection.student_k:
        return study.divided(selection.selector, k, (selection.student_k,))
    return study.selected(selection.selector, (k,), passes=selection.passes)


def _study(arm: Arm, shown: Shown, split: str) -> tuple[Study, Settings]:
    """Returns the scores of a row's networks, and the settings that say which videos are meant."""
    selection = arm.row.selection
    assert selection is not None
    teacher, sampler = networks(arm)
    settings, keep = _settings(arm, shown, sampler), arm.answers
    return _of(teacher, sampler, settings, split, keep, selection.shuffled), settings


def check_clips(arms: Iterable[Arm], shown: Shown) -> None:
    """Refuses rows with a selection that choose among different clips of a video.

    Args:
      arms: the runs of a column.
      shown: the column.

    Raises:
      InputError: they differ in eval.max_clips.
    """
    limits: dict[int, str] = {}
    for arm in arms:
        if arm.row.selection is not None:
            _, sampler = networks(arm)
            limit = _settings(arm, shown, sampler).eval.max_clips
            limits.setdefault(limit, arm.row.name)
    if len(limits) > 1:
        (one, first), (other, second) = [*limits.items()][:2]
        raise InputError(
            f"rows '{first}' and '{second}': eval.max_clips={one} and {other}, so they choose "
            "among different clips and do not compare; set it alike"
        )


def networks(arm: Arm) -> tuple[Path, Path | None]:
    """Returns the folders of the network that answers, and of the one that chooses."""
    own = arm.folder
    for teacher in arm.answering():
        return teacher.folder, own
    return own, None


@functools.lru_cache  # one measurement of a pair for all of its rows
def _seconds(teacher: Path, sampler: Path | None, settings: Settings) -> tuple[float, float]:
    return seconds_per_clip(teacher, sampler, settings=settings)


@functools.lru_cache(maxsize=4)  # rows that differ in their choice alone share the answers
def _of(
    teacher: Path,
    sampler: Path | None,
    settings: Settings,
    split: str,
    keep: Path,
    is_shuffled: bool,
) -> Study:
    scores = score(teacher, sampler, settings=settings, split=split, keep=keep)
    return Study(scores.shuffled(_SHUFFLE) if is_shuffled else scores)


def _settings(arm: Arm, shown: Shown, sampler: Path | None) -> Settings:
    """Returns the settings that say which videos are answered: of the sampler, or of the column.

    Of the column are those of the row's config there, and what flags gave the run in their place.
    """
    data_root = shown.data_root
    settings = None if sampler is None else saved_settings(sampler)
    if settings is None:
        saved = read_settings(arm.folder).by_field()
        flags = {**arm.row.overrides, **given(arm, saved)}
        row = dataclasses.replace(arm.row, overrides=flags)
        settings = resolve(dataclasses.replace(arm, dataset=shown.dataset, row=row))
        data_root = data_root or saved["data.root"]
    if not data_root:
        return settings
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, root=data_root))


def _summed(
    scores: Scores,
    outcome: Outcome,
    metrics: Sequence[Metric],
    bins: int,
    known: Mapping[str, float],
) -> RunResult:
    """Returns the metrics of the one setting, summed by test group; means over the passes.

    Args:
      scores: of all clips.
      outcome: of the one setting.
      metrics: to read.
      bins: of calibration.
      known: by metric, those that are one number.
    """
    groups, group_of = np.unique(scores.groups, return_inverse=True)
    sums, numbers = {}, {}
    for metric in metrics:
        if metric.reader is not None and metric.reader.level == "video":
            if len(outcome.probabilities) > 1 and not metric.reader.is_mean:
                raise InputError(
                    f"metrics: '{metric.name}' is not the mean of {len(outcome.probabilities)} "
                    "passes; use metrics that are means over videos"
                )
            with naming_metric(metric):
                terms = np.mean(
                    [
                        metric.reader.checked_terms(probabilities, scores.labels, bins)
                        for probabilities in outcome.probabilities[:, 0]
                    ],
                    axis=0,
                )
            sums[metric.name] = GroupSums.of(terms, group_of, len(groups))
        elif metric.name in known:
            numbers[metric.name] = float(known[metric.name])
        else:
            raise InputError(
                f"metrics: '{metric.name}' is not known of videos that are answered by chosen "
                f"clips; use metrics of videos, or {', '.join(_NUMBERS)}"
            )
    return RunResult(tuple(groups.tolist()), sums, numbers)
