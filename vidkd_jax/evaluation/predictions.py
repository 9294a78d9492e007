"""Predictions of clips, and their headline figures.

Clip metrics are over all clips. Video metrics average the scores of a video's clips first: their
softmax, or their logits for the papers that say so. Every clip and every video counts once.
"""

import dataclasses

import numpy as np

from vidkd_jax.evaluation import metrics
from vidkd_jax.evaluation.binary import mean_average_precision


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Scores of the evaluation clips.

    Attributes:
      logits: float32 [n, k], one row a clip.
      labels: int [n].
      videos: int [n], the clip's video.
    """

    logits: np.ndarray
    labels: np.ndarray
    videos: np.ndarray

    def clip_probabilities(self) -> np.ndarray:
        """Returns float64 [n, k]."""
        return softmax(self.logits)

    def by_video(self, average: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns probabilities float64 [v, k], labels [v] and numbers [v] of the videos.

        Args:
          average: of a video's clips: "softmax" or "logits".
        """
        scores = self.clip_probabilities() if average == "softmax" else self.logits.astype(float)
        means, labels, videos = mean_by_video(scores, self.labels, self.videos)
        return means if average == "softmax" else softmax(means), labels, videos


def mean_by_video(
    rows: np.ndarray, labels: np.ndarray, videos: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the mean of the rows [n, d] of each video, float64 [v, d], labels and numbers [v]."""
    numbers, first, inverse, counts = np.unique(
        videos, return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.zeros((len(numbers), rows.shape[1]))
    np.add.at(sums, inverse, rows)
    return sums / counts[:, None], labels[first], numbers


def as_clips(scores: np.ndarray, labels: np.ndarray, videos: np.ndarray) -> Predictions:
    """Returns scores [m, k] as predictions of clips; of [m, n, k] each of the n clips counts."""
    clips = scores.shape[1] if scores.ndim == 3 else 1
    rows = scores.reshape(-1, scores.shape[-1])
    return Predictions(rows, labels.repeat(clips), videos.repeat(clips))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) in float64, without overflow."""
    with np.errstate(invalid="ignore"):  # NaN stays NaN
        return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))


def summarise(predictions: Predictions, *, average: str, bins: int) -> dict[str, float]:
    """Returns the headline metrics; `clip_*` are over clips, those without a prefix over videos.

    `commonest_class` is the share of the class that has the most videos: the accuracy of the answer
    that is always this class, which a network must beat to have learnt anything.
    """
    clip = predictions.clip_probabilities()
    video, labels, _ = predictions.by_video(average)
    summary: dict[str, float] = {}
    for prefix, probabilities, truth in (
        ("clip", clip, predictions.labels),
        ("video", video, labels),
    ):
        summary |= {
            f"{prefix}_top1": float(metrics.top_k_correct(probabilities, truth, 1).mean()),
            f"{prefix}_top5": float(metrics.top_k_correct(probabilities, truth, 5).mean()),
            f"{prefix}_nll": float(metrics.negative_log_likelihood(probabilities, truth)),
            f"{prefix}_ece": float(
                metrics.expected_calibration_error(probabilities, truth, num_bins=bins)
            ),
        }
    return {
        **summary,
        "ece": summary["video_ece"],
        "nll": summary["video_nll"],
        "mean_class_accuracy": metrics.mean_class_accuracy(video, labels),
        "mean_average_precision": mean_average_precision(video, labels),
        "commonest_class": float(np.bincount(labels).max() / len(labels)),
    }


def agreement(student: Predictions, teacher: np.ndarray) -> dict[str, float]:
    """Returns how far a student agrees with its teacher on the same clips.

    Args:
      student: its predictions.
      teacher: probabilities [n, k] of the same clips: of several teachers, their mean.

    Returns:
      `teacher_agreement`, the share of clips whose most probable class is the same; `teacher_kl`,
      the mean KL(teacher || student) in nats, both without temperature; and `teacher_top1`, the
      share of clips that the teacher gets right.
    """
    probabilities = student.clip_probabilities()
    same = probabilities.argmax(axis=1) == teacher.argmax(axis=1)
    tiny = np.finfo(float).tiny  # a probability of 0 is one that underflowed
    ratio = np.log(np.maximum(teacher, tiny)) - np.log(np.maximum(probabilities, tiny))
    return {
        "teacher_agreement": float(same.mean()),
        "teacher_kl": float((teacher * ratio).sum(axis=1).mean()),
        "teacher_top1": float(metrics.top_k_correct(teacher, student.labels, 1).mean()),
    }
