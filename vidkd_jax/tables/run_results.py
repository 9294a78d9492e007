"""What a table shows of a finished run: each metric summed by test group, or as one number."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.methods import LAST_EPOCH
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import naming_metric
from vidkd_jax.tables.run_files import (
    check_labels,
    read_curve,
    read_number,
    read_predictions,
    read_summary,
    readable,
)


@dataclasses.dataclass(frozen=True)
class GroupSums:
    """The terms of one metric of one run, summed by test group.

    Attributes:
      count: [g] clips or videos of each group.
      terms: [g] or [g, m] sums of the terms.
    """

    count: np.ndarray
    terms: np.ndarray

    @classmethod
    def of(cls, terms: np.ndarray, groups: np.ndarray, num_groups: int) -> "GroupSums":
        """Returns terms [n] or [n, m] summed by the group [n] of their items."""
        total = np.zeros((num_groups, *terms.shape[1:]))
        np.add.at(total, groups, terms)
        return cls(np.bincount(groups, minlength=num_groups).astype(float), total)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """The test results of one run.

    Attributes:
      groups: names of its test groups; () where no metric needs them.
      sums: by metric, of metrics that are read from predictions.
      numbers: by metric, of metrics that are one number of a run.
      curve: the validation figure that chose its best epoch, by epoch, [e], where a metric compares
        it with another run's; else empty. Of a fork it is NaN for its trunk's epochs.
      followed: the name of this figure, where a metric is of it; else "".
    """

    groups: tuple[str, ...]
    sums: Mapping[str, GroupSums]
    numbers: Mapping[str, float]
    curve: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    followed: str = ""

    def figure(self, metric: Metric, weights: np.ndarray | None = None) -> np.ndarray:
        """Returns a metric for weighted test groups.

        Args:
          metric: one that was read.
          weights: of the groups, [r, g]; None: all alike, r = 1. One number of a run has no
            groups, and is the same for all weights.

        Returns:
          [r].
        """
        if metric.reader is None:
            return np.full(1 if weights is None else len(weights), self.numbers[metric.name])
        sums = self.sums[metric.name]
        weights = np.ones((1, len(sums.count))) if weights is None else weights
        with naming_metric(metric):
            return metric.reader.combine(weights @ sums.terms) / (weights @ sums.count)


def read_run(folder: Path, metrics: Sequence[Metric]) -> RunResult:
    """Reads what the metrics need of a finished run's folder.

    Raises:
      InputError: a file is missing or damaged, or the summary has no number of a metric's name.
    """
    of_items = [metric for metric in metrics if metric.reader is not None]
    numbers = [m for m in metrics if m.reader is None and m.of_pair is None]
    groups, sums = _sums(folder, of_items) if of_items else ((), {})
    summary = read_summary(folder) if len(of_items) < len(metrics) else {}
    found = {m.name: _number(folder, summary, m) for m in numbers}
    if all(metric.of_curve is metric.of_pair is None for metric in metrics):
        return RunResult(groups, sums, found)
    of_pairs = any(metric.of_pair for metric in metrics)
    curve = _own_curve(folder, summary) if of_pairs else np.empty(0)
    return RunResult(groups, sums, found, curve, _selected_on(summary))


def _own_curve(folder: Path, summary: Mapping[str, Any]) -> np.ndarray:
    """Returns the validation figure that chose a run's best epoch, by epoch, [e].

    Of a fork it is NaN before, but for its start where that is the best epoch.

    Raises:
      InputError: its method takes the last epoch, or the figure is not there.
    """
    name = _selected_on(summary)
    if name == LAST_EPOCH:
        raise InputError(
            f"'{folder}': its method takes the last epoch and has no validation figure that the "
            "table could follow; take the row, or metrics of the validation, out"
        )
    first, curve = read_curve(folder, name)
    if first > 1 and summary.get("best_epoch") == first - 1:
        with readable(folder):
            curve[first - 2] = summary[f"val_{name}"]
    return curve


def _selected_on(summary: Mapping[str, Any]) -> str:
    """Returns the validation figure that chose a run's best epoch."""
    name: str = summary.get("selected_on", "clip_top1")  # which it was in old runs
    return name


def _number(folder: Path, summary: Mapping[str, Any], metric: Metric) -> float:
    if metric.of_curve is not None:
        with naming_metric(metric):
            return metric.of_curve(_own_curve(folder, summary))
    if metric.optional and metric.name not in summary:
        return math.nan
    return read_number(folder, metric.name, summary)


def _sums(folder: Path, metrics: Sequence[Metric]) -> tuple[tuple[str, ...], dict[str, GroupSums]]:
    """Returns the names of a run's test groups, and each metric's terms summed by group."""
    names: tuple[str, ...] = ()
    sums = {}
    for of_probe in (False, True):
        asked = [
            (metric, metric.reader)
            for metric in metrics
            if metric.reader and (metric.reader.level == "probe") == of_probe
        ]
        if not asked:
            continue
        items, names, bins = (_probe_items if of_probe else _items)(folder)
        for metric, reader in asked:
            probabilities, labels, groups = items[reader.level]
            with naming_metric(metric):
                terms = reader.checked_terms(probabilities, labels, bins)
                sums[metric.name] = GroupSums.of(terms, groups, len(names))
    return names, sums


# By level: probabilities [n, k], labels [n] and numbers of the groups [n].
_Items = Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def _items(folder: Path) -> tuple[_Items, tuple[str, ...], int]:
    """Returns clips and videos as the run predicts them, the names of groups, and the bins."""
    saved = read_predictions(folder)
    clips = saved.predictions
    names, group_of_clip = np.unique(saved.groups, return_inverse=True)
    probabilities, video_labels, videos = saved.by_video()
    group_of_video = np.zeros(len(videos), int)
    group_of_video[clips.videos] = group_of_clip
    items = {
        "clip": (clips.clip_probabilities(), clips.labels, group_of_clip),
        "video": (probabilities, video_labels, group_of_video),
    }
    return items, tuple(names.tolist()), saved.bins


def _probe_items(folder: Path) -> tuple[_Items, tuple[str, ...], int]:
    """Returns the same of videos as the linear probe on the run's features predicts them.

    Raises:
      InputError: the run has no answers of a probe, or they are damaged.
    """
    if not (folder / "linear_probe.npz").exists():
        raise InputError(
            f"'{folder}': has no linear_probe.npz, which the table reads: it was made by an older "
            "version, or its method has no probe; delete its summary.json, and the same command "
            "tests it again"
        )
    with readable(folder), np.load(folder / "linear_probe.npz") as arrays:
        logits, labels = arrays["logits"], arrays["labels"]
        check_labels(logits, labels)
        names, groups = np.unique(arrays["groups"], return_inverse=True)
        bins = json.loads((folder / "config.json").read_text())["eval"]["calibration_bins"]
        items = {"probe": (softmax(logits), labels, groups)}
    return items, tuple(names.tolist()), bins
