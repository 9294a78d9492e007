"""Metrics of predictions, in NumPy: accuracy, likelihood, calibration, confusion.

There are `n` examples (clips or videos), `k` classes and `m` bins. Functions that take
probabilities or scores raise ValueError if the shapes do not fit or a label is not a class number.
"""

import dataclasses

import numpy as np


def top_k_correct(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Returns whether the label is among the `k` highest scores.

    Among equal scores the lower class number comes first, so that the result does not depend on the
    sorting algorithm. So constant scores are correct only for the first `k` classes. A row with a
    NaN is not correct.

    Args:
        scores: logits or probabilities, `[n, number of classes]`.
        labels: class numbers, `[n]`.
        k: number of guesses. If it is the number of classes or more, every label is found.

    Returns:
        bool `[n]`.
    """
    check_labels(scores, labels)
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    rank = np.sum((scores > own) | ((scores == own) & earlier), axis=1)
    return (rank < k) & ~np.isnan(scores).any(axis=1)


def share_interval(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Returns the 95 % interval of the share of examples that are right, over groups.

    Examples of one group, such as videos of one person, are often right or wrong together. So it is
    the score interval (Wilson 1927) of as many examples as would be as sure if each were alone (by
    the design effect, Kish 1965), at most all, and where all are right or wrong, one of each group;
    with Student's t, because groups may be few.

    Args:
        right: bool `[n]`.
        groups: their names, `[n]`.

    Returns:
        Both ends, shares of 1; NaN where there is only one group.
    """
    from scipy import stats  # a second to import

    names, group = np.unique(groups, return_inverse=True)
    count, share = len(right), right.mean()
    if len(names) < 2:
        return float("nan"), float("nan")
    above = np.bincount(group, right - share)
    variance = len(names) / (len(names) - 1) * np.sum(above**2) / count**2
    if share in (0, 1):
        effective = len(names)
    else:
        effective = min(share * (1 - share) / variance, count) if variance else count
    squared = stats.t.ppf(0.975, len(names) - 1) ** 2 / effective
    centre = (share + squared / 2) / (1 + squared)
    half = np.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
    return float(max(centre - half, 0)), float(min(centre + half, 1))


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean of -log p(label), in nats; 0 counts as the smallest normal float64.

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
    """
    check_labels(probabilities, labels)
    own = np.take_along_axis(probabilities.astype(np.float64), labels[:, None], axis=1)
    return float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean())


@dataclasses.dataclass(frozen=True)
class ReliabilityBins:
    """Examples grouped by their top-1 confidence, one entry per bin; 0 for an empty bin."""

    count: np.ndarray  # number of examples, int [m]
    confidence: np.ndarray  # mean confidence, [m]
    accuracy: np.ndarray  # [m]

    def as_dict(self) -> dict[str, list[float]]:
        """Returns the three columns as plain lists, for JSON."""
        return {name: column.tolist() for name, column in vars(self).items()}


def reliability_bins(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> ReliabilityBins:
    """Groups examples into bins of equal width by their top-1 confidence.

    Bin i holds the confidences in (i / m, (i + 1) / m], and the first bin also holds 0 (Guo et al.,
    `On Calibration of Modern Neural Networks <https://arxiv.org/abs/1706.04599>`_, 2017).

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
        num_bins: m.
    """
    check_labels(probabilities, labels)
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
    """Returns the number of the bin of each confidence; see `reliability_bins`."""
    edges = np.linspace(0, 1, num_bins + 1)
    return np.digitize(confidence, edges[1:-1], right=True)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> float:
    """Returns the mean distance between confidence and accuracy of bins.

    The mean is weighted by the number of examples in each bin.

    Args:
        probabilities: `[n, k]`.
        labels: `[n]`.
        num_bins: number of bins of equal width (see `reliability_bins`); 15 in Guo et al., 2017.
    """
    bins = reliability_bins(probabilities, labels, num_bins)
    gaps = np.abs(bins.confidence - bins.accuracy)
    return float(np.sum(bins.count * gaps) / bins.count.sum())


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns counts of (label, prediction) pairs, int `[k, k]`: rows are labels.

    Args:
        predicted: class numbers, `[n]`.
        labels: class numbers, `[n]`.
        num_classes: k.
    """
    pairs = np.asarray(labels, np.int64) * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Returns the accuracy on the examples of each class, `[k]`; NaN for a class without any."""
    totals = confusion.sum(axis=1)
    correct = np.diagonal(confusion)
    return np.where(totals > 0, correct / np.maximum(totals, 1), np.nan)


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean over classes of the top-1 accuracy on the examples of each class.

    Every class counts alike, however many examples it has. A network that always answers one class
    has 1 / k, also where this class is most of the examples. Classes without examples are left out.

    Args:
        scores: logits or probabilities, `[n, k]`.
        labels: `[n]`.
    """
    correct = top_k_correct(scores, labels, 1)
    counts = np.bincount(labels, minlength=scores.shape[1])
    rights = np.bincount(labels, correct, minlength=scores.shape[1])
    return float((rights[counts > 0] / counts[counts > 0]).mean())


def check_labels(scores: np.ndarray, labels: np.ndarray) -> None:
    """Raises ValueError for input that NumPy would broadcast, wrap around or average to NaN."""
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(
            f"scores {scores.shape}, labels {labels.shape}: must be [n, k] and [n], with n > 0"
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"labels are {labels.min()} to {labels.max()}, but there are only {scores.shape[1]} "
            "classes, numbered from 0"
        )
