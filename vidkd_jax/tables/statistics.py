"""Means and intervals over seeds and test groups, from the predictions of finished runs.

Two things are random in a table's figures: which seed trained, and which groups (actors, films)
are in the test set. Groups are many: the interval resamples them. Seeds are few, and resampling
three would show half of their spread: the mean over seeds deviates as Student's t says. Differences
between rows are paired: the same seeds and the same groups on both sides.
"""

import dataclasses
import functools
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.metrics import confidence_bins
from vidkd_jax.evaluation.predictions import Predictions

METRICS = (
    "clip_top1",
    "video_top1",
    "clip_ece",
    "video_ece",
    "clip_overconfidence",
    "video_overconfidence",
)
_RESAMPLES = 10_000
_LARGEST = 2**25  # weights: fewer resamples where groups are many (each video of Kinetics is one)


@dataclasses.dataclass(frozen=True)
class GroupSums:
    """One run's test results, summed by group: all that resampling groups needs.

    Attributes:
      count: [g] items.
      correct: [g] correct items.
      gap: [g, bins] sum of (correct - confidence) in each confidence bin.
    """

    count: np.ndarray
    correct: np.ndarray
    gap: np.ndarray

    def accuracy(self, weights: np.ndarray) -> np.ndarray:
        """Returns top-1 under group weights [r, g], as [r]."""
        return (weights @ self.correct) / (weights @ self.count)

    def ece(self, weights: np.ndarray) -> np.ndarray:
        """Returns the expected calibration error under group weights [r, g], as [r]."""
        return np.abs(weights @ self.gap).sum(axis=1) / (weights @ self.count)

    def overconfidence(self, weights: np.ndarray) -> np.ndarray:
        """Returns mean confidence minus accuracy under group weights [r, g], as [r]."""
        return -(weights @ self.gap).sum(axis=1) / (weights @ self.count)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """The test results of one run."""

    clip: GroupSums
    video: GroupSums

    def metric(self, name: str, weights: np.ndarray) -> np.ndarray:
        """Returns one of `METRICS` under group weights [r, g], as [r]."""
        level, _, what = name.partition("_")
        sums = self.clip if level == "clip" else self.video
        return getattr(sums, {"top1": "accuracy"}.get(what, what))(weights)


@dataclasses.dataclass(frozen=True)
class SavedPredictions:
    """What a finished run predicted of the test clips.

    Attributes:
      predictions: numbered by video.
      video_names: by number.
      groups: [n] name of each clip's group.
      average: of a video's clips, as the run's config says.
      bins: of the calibration error, likewise.
    """

    predictions: Predictions
    video_names: list[str]
    groups: np.ndarray
    average: str
    bins: int

    def by_video(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns probabilities [v, k], labels [v] and numbers [v] of the videos."""
        return self.predictions.by_video(self.average)


def read_predictions(folder: Path) -> SavedPredictions:
    """Reads the predictions in a finished run's folder.

    Raises:
      InputError: they are not there, or damaged.
    """
    try:
        how = json.loads((folder / "config.json").read_text())["eval"]
        with np.load(folder / "predictions.npz") as arrays:
            names, video_of_clip = np.unique(arrays["videos"], return_inverse=True)
            predictions = Predictions(arrays["logits"], arrays["labels"], video_of_clip)
            return SavedPredictions(
                predictions,
                names.tolist(),
                arrays["groups"],
                how["average"],
                how["calibration_bins"],
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"what the run in '{folder}' left cannot be read ({error}); delete the folder and run "
            "it again"
        ) from error


def read_run(folder: Path) -> tuple[RunResult, list[str]]:
    """Reads a finished run's folder; returns its sums and the names of the test groups."""
    saved = read_predictions(folder)
    clips = saved.predictions
    group_names, group_of_clip = np.unique(saved.groups, return_inverse=True)
    probabilities, video_labels, videos = saved.by_video()
    group_of_video = np.zeros(len(videos), int)
    group_of_video[clips.videos] = group_of_clip
    shape = (len(group_names), saved.bins)
    result = RunResult(
        clip=_sums(clips.clip_probabilities(), clips.labels, group_of_clip, shape),
        video=_sums(probabilities, video_labels, group_of_video, shape),
    )
    return result, group_names.tolist()


def _sums(
    probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, shape: tuple[int, int]
) -> GroupSums:
    """Sums by group; `shape` is the number of groups and of bins."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == labels).astype(float)
    gap = np.zeros(shape)
    np.add.at(gap, (groups, confidence_bins(confidence, shape[1])), correct - confidence)
    return GroupSums(
        count=np.bincount(groups, minlength=shape[0]).astype(float),
        correct=np.bincount(groups, weights=correct, minlength=shape[0]),
        gap=gap,
    )


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval over seeds and test groups, and its spread over seeds.

    Of one seed the interval is over test groups alone, and the spread NaN. `per_seed` are the
    figures that it is the mean of.
    """

    mean: float
    low: float
    high: float
    std: float
    per_seed: tuple[float, ...]


class Bootstrap:
    """The resampled groups and seeds, the same for every row: differences are paired."""

    def __init__(self, num_seeds: int, num_groups: int) -> None:
        rng = np.random.default_rng(0)
        resamples = min(_RESAMPLES, max(_LARGEST // num_groups, 1_000))
        alike = np.full(num_groups, 1 / num_groups)
        self._weights = rng.multinomial(num_groups, alike, resamples).astype(np.float32)
        self._all = np.ones((1, num_groups))
        # Deviation of the mean over seeds, in their standard deviations.
        self._seeds = (
            rng.standard_t(num_seeds - 1, resamples) / np.sqrt(num_seeds)
            if num_seeds > 1
            else np.zeros(resamples)
        )

    def _resampled(self, runs: Sequence[RunResult], metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the metric of each run [s], and its mean over seeds for resampled groups [r]."""
        per_seed = np.array([run.metric(metric, self._all)[0] for run in runs])
        return per_seed, np.mean([run.metric(metric, self._weights) for run in runs], axis=0)

    def _estimate(self, per_seed: np.ndarray, resampled: np.ndarray) -> Estimate:
        mean = float(per_seed.mean())
        std = float(per_seed.std(ddof=1)) if len(per_seed) > 1 else float("nan")
        # From the resamples' own mean: a calibration error grows by the noise of resampling.
        deviations = resampled - resampled.mean() + self._seeds * np.nan_to_num(std)
        low, high = np.quantile(deviations, (0.025, 0.975))
        each = tuple(per_seed.tolist())
        return Estimate(mean, mean + float(low), mean + float(high), std, each)

    def estimate(self, runs: Sequence[RunResult], metric: str) -> Estimate:
        """Returns the mean over seeds, with its interval."""
        return self._estimate(*self._resampled(runs, metric))

    def difference(
        self, runs: Sequence[RunResult], reference: Sequence[RunResult], metric: str
    ) -> Estimate:
        """Returns the mean of `runs` minus `reference`, paired by seed and group."""
        ours, ours_resampled = self._resampled(runs, metric)
        theirs, theirs_resampled = self._resampled(reference, metric)
        return self._estimate(ours - theirs, ours_resampled - theirs_resampled)


def compare(
    rows: Mapping[str, Sequence[RunResult]], references: Mapping[str, str], num_groups: int
) -> dict[str, dict[str, tuple[Estimate, Estimate]]]:
    """Returns {row: {metric: (figure, difference from the row's reference)}}.

    A row may have fewer seeds than others: its difference is over those that both have.
    """
    bootstrap = functools.cache(lambda num_seeds: Bootstrap(num_seeds, num_groups))
    compared: dict[str, dict[str, tuple[Estimate, Estimate]]] = {}
    for row, runs in rows.items():
        pairs = list(zip(runs, rows[references[row]], strict=False))
        ours, theirs = [run for run, _ in pairs], [reference for _, reference in pairs]
        compared[row] = {
            metric: (
                bootstrap(len(runs)).estimate(runs, metric),
                bootstrap(len(pairs)).difference(ours, theirs, metric),
            )
            for metric in METRICS
        }
    return compared
