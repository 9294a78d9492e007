"""What a finished run's folder says: its predictions, summary, settings and curves."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import DAMAGED, InputError, suggest
from vidkd_jax.evaluation.predictions import Predictions
from vidkd_jax.report.curves import NOT_METRICS
from vidkd_jax.run.saved import saved_settings, saved_summary
from vidkd_jax.run.tracking import read_records
from vidkd_jax.settings.settings import Settings


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


def check_labels(logits: np.ndarray, labels: np.ndarray) -> None:
    """Checks that labels [n] are classes of logits [n, k].

    Raises:
      ValueError: they are not.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits of shape {logits.shape} with labels of shape {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()} of {logits.shape[1]} classes"
        )


def read_predictions(folder: Path) -> SavedPredictions:
    """Reads the predictions in a finished run's folder.

    Raises:
      InputError: they are missing or damaged.
    """
    with readable(folder):
        how = json.loads((folder / "config.json").read_text())["eval"]
        with np.load(folder / "predictions.npz") as arrays:
            names, video_of_clip = np.unique(arrays["videos"], return_inverse=True)
            logits, labels = arrays["logits"], arrays["labels"]
            check_labels(logits, labels)
            return SavedPredictions(
                Predictions(logits, labels, video_of_clip),
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


def read_curve(folder: Path, name: str) -> tuple[int, np.ndarray]:
    """Reads a validation metric of a run by epoch.

    Returns:
      The first epoch, 1 but for a fork, and the values by epoch, [e]: NaN before the first.

    Raises:
      InputError: the run did not measure it, or metrics.jsonl has lost epochs.
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
    epochs = [record["epoch"] for record in validation]
    first = epochs[0]
    if epochs != [*range(first, first + len(epochs))] or first != _first_epoch(folder, first):
        raise InputError(
            f"'{folder}': metrics.jsonl has lost the validation of some epochs, by which the table "
            "compares runs; delete the folder, and the same command runs it again"
        )
    return first, np.concatenate([np.full(first - 1, np.nan), np.array(values, float)])


def _first_epoch(folder: Path, seen: int) -> int:
    """Returns the epoch after a run's fork, 1 without one; `seen` where its settings are lost."""
    settings = saved_settings(folder, any_method=True) if seen > 1 else None
    return seen if settings is None else settings.train.fork_epoch + 1


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
