"""Metrics of clips and videos: terms of each item, which sums over any test groups are made of."""

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.metrics import confidence_bins, top_k_correct
from vidkd_jax.tables.metric import Metric, PerItem, Terms


def correct(k: int) -> Terms:
    """Returns terms [n] that are 1 where the label is among the k most probable classes."""

    def terms(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
        return top_k_correct(probabilities, labels, k).astype(float)

    return terms


def _log_loss(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns -log p(label) [n]; a probability of 0 counts as the least normal float64."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(own, np.finfo(np.float64).tiny))


def _gaps(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns correct minus confidence [n, bins], in the bin of the confidence; 0 in others."""
    confidence = probabilities.max(axis=1)
    gaps = np.zeros((len(labels), bins))
    right = correct(1)(probabilities, labels, bins)
    gaps[np.arange(len(labels)), confidence_bins(confidence, bins)] = right - confidence
    return gaps


def _distance(sums: np.ndarray) -> np.ndarray:
    """From sums of gaps [r, bins] to the expected calibration error, times the items."""
    return np.abs(sums).sum(axis=1)


def _overconfidence(sums: np.ndarray) -> np.ndarray:
    """From sums of gaps [r, bins] to mean confidence minus accuracy, times the items."""
    return -sums.sum(axis=1)


def of_level(level: str) -> list[Metric]:
    """Returns the metrics of clips or of videos."""
    sure = "Overconfidence: mean confidence minus accuracy."
    nats = "NLL: negative log-likelihood of the label, in nats."
    head = level.capitalize()
    return [
        Metric(f"{level}_top1", f"{head}@1", PerItem(level, correct(1)), in_papers=True),
        Metric(f"{level}_top5", f"{head}@5", PerItem(level, correct(5))),
        Metric(
            f"{level}_nll", f"NLL {level}", PerItem(level, _log_loss), per_cent=False, note=nats
        ),
        Metric(f"{level}_ece", f"ECE {level}", PerItem(level, _gaps, _distance)),
        Metric(
            f"{level}_overconfidence",
            f"overconfidence {level}",
            PerItem(level, _gaps, _overconfidence),
            sign="+",
            note=sure,
        ),
    ]


def _motion(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns 1 where the pair of classes with the largest sum holds the label [n]."""
    _check_pairs(probabilities)
    pairs = probabilities.reshape(len(labels), -1, 2).sum(axis=2)
    return (pairs.argmax(axis=1) == labels // 2).astype(float)


def _direction(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns 1 where the label is more probable than its twin, the same motion reversed [n]."""
    _check_pairs(probabilities)
    rows = np.arange(len(labels))
    return (probabilities[rows, labels] > probabilities[rows, labels ^ 1]).astype(float)


def _check_pairs(probabilities: np.ndarray) -> None:
    if probabilities.shape[1] % 2:
        raise InputError(
            f"metrics: motion and direction are of pairs of classes, here are "
            f"{probabilities.shape[1]}; leave them out of the table"
        )


def of_pairs(level: str) -> list[Metric]:
    """Returns those of data sets whose classes 2 k and 2 k + 1 are each other reversed in time."""
    who = "linear probe, " if level == "probe" else ""
    return [
        Metric(
            f"{level}_motion",
            f"{who}motion",
            PerItem(level, _motion),
            note="Motion: the pair of classes, whatever the direction.",
        ),
        Metric(
            f"{level}_direction",
            f"{who}direction",
            PerItem(level, _direction),
            note="Direction: the class against its reversed twin, chance 50.",
        ),
    ]


def is_of_pairs(metric: Metric) -> bool:
    """Whether a metric is of pairs of classes."""
    return metric.reader is not None and metric.reader.terms in (_motion, _direction)
