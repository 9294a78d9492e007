"""Metrics of scores for yes-or-no questions, in NumPy: does a high score mean yes?

There are `n` examples, each with a score and the answer, and all of them give a finite figure, also
where the answer is always the same; NaN where a score is NaN. Functions raise ValueError if the
shapes do not fit.
"""

import numpy as np

from vidkd_jax.evaluation.metrics import check_labels


def roc_auc(scores: np.ndarray, answers: np.ndarray) -> float:
    """Returns the probability that a yes has a higher score than a no; of equal scores half counts.

    This is the area under the receiver operating characteristic. 0.5 is chance, and what a single
    kind of answer gives. If a score is NaN, the result is.

    Args:
        scores: `[n]`.
        answers: bool `[n]`.
    """
    _check(scores, answers)
    if np.isnan(scores).any():
        return float("nan")
    yes = int(answers.sum())
    no = len(answers) - yes
    if not yes or not no:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # from 1, the mean of equal ones
    return float((ranks[inverse][answers].sum() - yes * (yes + 1) / 2) / (yes * no))


def average_precision(scores: np.ndarray, answers: np.ndarray) -> float:
    """Returns the mean precision at the score of each yes; 0 where there is none.

    Equal scores count as one threshold, so constant scores give the share of yes.

    Args:
        scores: `[n]`.
        answers: bool `[n]`.
    """
    _check(scores, answers)
    if np.isnan(scores).any():
        return float("nan")
    if not answers.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    found = np.cumsum(answers[order])[ends]
    precision = found / (ends + 1)
    return float(np.sum(np.diff(found, prepend=0) * precision) / answers.sum())


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean over classes of the average precision of finding the class.

    A class without examples does not count.

    Args:
        scores: logits or probabilities, `[n, k]`.
        labels: class numbers, `[n]`.

    Raises:
        ValueError: a label is no class, or there is no example.
    """
    check_labels(scores, labels)
    present = np.unique(labels)
    return float(np.mean([average_precision(scores[:, c], labels == c) for c in present]))


def rates(chosen: np.ndarray, answers: np.ndarray) -> tuple[float, float]:
    """Returns the share of no and of yes that are chosen: false and true positive rate.

    A rate of nothing is 0.

    Args:
        chosen: bool `[n]`.
        answers: bool `[n]`.
    """
    _check(chosen, answers)
    return tuple(float(chosen[kind].mean()) if kind.any() else 0.0 for kind in (~answers, answers))  # type: ignore[return-value]


def _check(scores: np.ndarray, answers: np.ndarray) -> None:
    if (
        scores.ndim != 1
        or answers.shape != scores.shape
        or answers.dtype != bool
        or not len(scores)
    ):
        raise ValueError(
            f"scores {scores.shape}, answers {answers.shape} of {answers.dtype}: must be [n] and "
            "bool [n], with n > 0"
        )
