"""Metrics of predictions, in NumPy: accuracy, likelihood, calibration, confusion.

`n` examples are clips or videos, `k` classes, `m` bins. The functions that take probabilities or
scores raise ValueError where the shapes do not fit or a label is not a class.
"""

import dataclasses

import numpy as np


def top_k_correct(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Whether the label is among the `k` highest scores.

    Among equal scores the lower class number comes first, so that the result never depends on the
    sort; constant scores are therefore right for the first `k` classes only. A row with a NaN is
    wrong.

    Args:
        scores: logits or probabilities, `[n, k]`.
        labels: class numbers, `[n]`.
        k: how many guesses count; with `k` or more classes every label is found.

    Returns:
        bool `[n]`.
    """
    _check(scores, labels)
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    rank = np.sum((scores > own) | ((scores == own) & earlier), axis=1)
    return (rank < k) & ~np.isnan(scores).any(axis=1)


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label), in nats; a probability of 0 counts as the least normal float64.

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
    """
    _check(probabilities, labels)
    own = np.take_along_axis(probabilities.astype(np.float64), labels[:, None], axis=1)
    return float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean())


@dataclasses.dataclass(frozen=True)
class ReliabilityBins:
    """Examples grouped by their top-1 confidence, one entry per bin; 0 where a bin is empty."""

    count: np.ndarray  # int [m]
    confidence: np.ndarray  # mean, [m]
    accuracy: np.ndarray  # [m]

    def as_dict(self) -> dict[str, list[float]]:
        """Returns the three columns as plain lists, for JSON."""
        return {name: column.tolist() for name, column in vars(self).items()}


def reliability_bins(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> ReliabilityBins:
    """Groups examples into bins of equal width on the top-1 confidence.

    Bin i holds confidences in (i / m, (i + 1) / m], the first one 0 as well (Guo et al., `On
    Calibration of Modern Neural Networks <https://arxiv.org/abs/1706.04599>`_, 2017).

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
        num_bins: m.
    """
    _check(probabilities, labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = confidence_bins(confidence, num_bins)
    count = np.bincount(bins, minlength=num_bins)
    divisor = np.maximum(count, 1)
    correct = top_k_correct(probabilities, labels, 1)
    return ReliabilityBins(
        count,
        np.bincount(bins, confidence, num_bins) / divisor,
        np.bincount(bins, correct, num_bins) / divisor,
    )


def confidence_bins(confidence: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns the number of the bin, of `reliability_bins`, that each confidence falls in."""
    edges = np.linspace(0, 1, num_bins + 1)
    return np.digitize(confidence, edges[1:-1], right=True)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy, over bins weighted by their examples.

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
        num_bins: of equal width, see `reliability_bins`; 15 in Guo et al., 2017.
    """
    bins = reliability_bins(probabilities, labels, num_bins)
    gaps = np.abs(bins.confidence - bins.accuracy)
    return float(np.sum(bins.count * gaps) / bins.count.sum())


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts predictions per class: int `[k, k]`, rows the label, columns the prediction.

    Args:
        predicted: class numbers, `[n]`.
        labels: class numbers, `[n]`.
        num_classes: k.
    """
    pairs = np.asarray(labels, np.int64) * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's examples that were recognised, `[k]`; NaN for a class without any."""
    totals = confusion.sum(axis=1)
    correct = np.diagonal(confusion)
    return np.where(totals > 0, correct / np.maximum(totals, 1), np.nan)


def _check(scores: np.ndarray, labels: np.ndarray) -> None:
    """Refuses what NumPy would broadcast, wrap around or average into NaN."""
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(
            f"scores {scores.shape}, labels {labels.shape}: must be [n, k] and [n > 0]"
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels {labels.min()}..{labels.max()} with {scores.shape[1]} classes")
