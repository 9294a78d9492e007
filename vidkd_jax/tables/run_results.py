"""What a table reads of a finished run: its predictions, summed by test group, and its summary."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import DAMAGED, InputError, suggest
from vidkd_jax.evaluation.predictions import Predictions, softmax
from vidkd_jax.methods import LAST_EPOCH
from vidkd_jax.report.curves import NOT_METRICS
from vidkd_jax.run.saved import saved_settings, saved_summary
from vidkd_jax.run.tracking import read_records
from vidkd_jax.settings.settings import Settings
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import naming_metric


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
    """

    groups: tuple[str, ...]
    sums: Mapping[str, GroupSums]
    numbers: Mapping[str, float]
    curve: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))

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


@dataclasses.dataclass(frozen=True)
class SavedPredictions:
    """What a finished run predicted of the test clips.

    Attributes:
      predictions: of the clips; videos are numbered.
      video_names: by number.
      groups: [n] name of each clip's group.
      average: how a video's clips are averaged: the run's `eval.average`.
      bins: of the calibration error: the run's `eval.calibration_bins`.
    """

    predictions: Predictions
    video_names: list[str]
    groups: np.ndarray
    average: str
    bins: int

    def by_video(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns probabilities [v, k], labels [v] and numbers [v] of the videos."""
        return self.predictions.by_video(self.average)


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turns what a missing or damaged file raises into one line.

    Raises:
      InputError: names the folder and the remedy.
    """
    try:
        yield
    except DAMAGED as error:
        raise InputError(
            f"what the run in '{folder}' left cannot be read ({error}); delete the folder and run "
            "it again"
        ) from error


def read_predictions(folder: Path) -> SavedPredictions:
    """Reads the predictions in a finished run's folder.

    Raises:
      InputError: they are missing or damaged.
    """
    with readable(folder):
        how = json.loads((folder / "config.json").read_text())["eval"]
        with np.load(folder / "predictions.npz") as arrays:
            names, video_of_clip = np.unique(arrays["videos"], return_inverse=True)
            return SavedPredictions(
                Predictions(arrays["logits"], arrays["labels"], video_of_clip),
                names.tolist(),
                arrays["groups"],
                how["average"],
                how["calibration_bins"],
            )


def read_summary(folder: Path) -> Mapping[str, Any]:
    """Reads the summary.json of a finished run.

    Raises:
      InputError: it is missing or damaged.
    """
    if not (summary := saved_summary(folder)):
        raise InputError(f"'{folder}' has no results in its summary.json; delete it and run again")
    return summary


def read_settings(folder: Path) -> Settings:
    """Reads the settings of a finished run, of whatever method.

    Raises:
      InputError: its config.json is missing or damaged.
    """
    settings = saved_settings(folder, any_method=True)
    if settings is None:
        raise InputError(f"'{folder}' has no config.json any more; run the table again")
    return settings


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
    if all(metric.of_pair is None for metric in metrics):
        return RunResult(groups, sums, found)
    return RunResult(groups, sums, found, _own_curve(folder, summary))


def read_curve(folder: Path, name: str) -> tuple[int, np.ndarray]:
    """Reads a validation metric of a run by epoch.

    Returns:
      The first epoch, 1 but for a fork, and the values from there on, [e].

    Raises:
      InputError: the run did not measure it.
    """
    records = read_records(folder / "metrics.jsonl")
    validation = [record for record in records if record["split"] == "val"]
    values = [record.get(name) for record in validation if name not in NOT_METRICS]
    if not values or not all(isinstance(value, int | float) for value in values):
        measured = sorted({*validation[0]} - NOT_METRICS) if validation else []
        raise InputError(
            f"'{folder}': metrics.jsonl has no validation metric '{name}', which the table "
            f"shows{suggest(name, measured)}"
        )
    return validation[0]["epoch"], np.array(values, float)


def _own_curve(folder: Path, summary: Mapping[str, Any]) -> np.ndarray:
    """Returns the validation figure that chose a run's best epoch, by epoch, [e].

    Of a fork it is NaN before, but for its start where that is the best epoch.

    Raises:
      InputError: its method takes the last epoch, or the figure is not there.
    """
    name = summary.get("selected_on", "clip_top1")  # which it was in old runs
    if name == LAST_EPOCH:
        raise InputError(
            f"'{folder}': its method takes the last epoch and has no validation figure that the "
            "table could follow; take the row, or metrics of the validation, out"
        )
    first, values = read_curve(folder, name)
    curve = np.concatenate([np.full(first - 1, np.nan), values])
    if first > 1 and summary.get("best_epoch") == first - 1:
        with readable(folder):
            curve[first - 2] = summary[f"val_{name}"]
    return curve


def _number(folder: Path, summary: Mapping[str, Any], metric: Metric) -> float:
    if metric.of_curve is not None:
        with naming_metric(metric):
            return metric.of_curve(_own_curve(folder, summary))
    return read_number(folder, metric.name, summary)


def read_number(folder: Path, name: str, summary: Mapping[str, Any] | None = None) -> float:
    """Returns a number of a finished run's summary.

    Args:
      folder: of the run.
      name: of the number.
      summary: of the run, where it has been read.

    Raises:
      InputError: the summary is missing or damaged, or has no such number.
    """
    value = (read_summary(folder) if summary is None else summary).get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(
            f"'{folder}': summary.json has no number '{name}', which the table shows; run it again "
            "with code that measures it, or take the metric out of the table"
        )
    return float(value)


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
            with readable(folder), naming_metric(metric):  # such as a label that is no class
                terms = reader.terms(probabilities, labels, bins)
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
        names, groups = np.unique(arrays["groups"], return_inverse=True)
        bins = json.loads((folder / "config.json").read_text())["eval"]["calibration_bins"]
        items = {"probe": (softmax(arrays["logits"]), arrays["labels"], groups)}
    return items, tuple(names.tolist()), bins
