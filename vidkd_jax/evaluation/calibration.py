"""Temperature scaling: one number that makes a network's probabilities as sure as it is right."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from vidkd_jax.evaluation.metrics import check_labels
from vidkd_jax.evaluation.predictions import Predictions, mean_by_video

LARGEST_TEMPERATURE = 20.0  # that is tried; the smallest is 1 / 20
_GRID = 25  # of them are tried first
_TOLERANCE = 1e-3  # of the logarithm
_AT_ONCE = 2**16  # logits that are computed at a time: in float64 they stay in a core's cache
_SHRINK = (math.sqrt(5) - 1) / 2


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """Returns the predictions with their logits divided by a temperature."""
    return dataclasses.replace(predictions, logits=predictions.logits / np.float32(temperature))


def each_alone(predictions: Predictions) -> Predictions:
    """Returns the predictions as if every clip were a video."""
    return dataclasses.replace(predictions, videos=np.arange(len(predictions.labels)))


def fit_temperature(predictions: Predictions, average: str) -> float:
    """Returns the temperature that gives the labels of the videos most probability.

    A temperature T divides the logits of every clip; the clips of a video are averaged after that.
    T minimises the negative log-likelihood of the videos (Guo et al., 2017, section 4.2), by
    golden-section search of log T around the best of a grid: of an average's likelihood there may
    be several minima. An average is less sure than its clips, so that the clips alone
    (`each_alone`) have another temperature, mostly a higher one.

    One more video counts, which may be of any class with the same probability and is answered as
    the videos are on average. So a network that is right on each of a few videos does not become
    certain; among many it does not matter.

    Args:
      predictions: of videos on which the network was not trained.
      average: of a video's clips: "softmax" or "logits".

    Returns:
      T in [1/20, 20]; above 1 the network is too sure of itself.
    """
    by_video = _sorted_by_video(predictions, average)

    def loss(log_temperature: float) -> float:
        return _loss(by_video, math.exp(log_temperature))

    grid = np.linspace(
        -math.log(LARGEST_TEMPERATURE), math.log(LARGEST_TEMPERATURE), _GRID
    ).tolist()
    best = int(np.argmin([loss(point) for point in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    left, right = high - _SHRINK * (high - low), low + _SHRINK * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > _TOLERANCE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _SHRINK * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _SHRINK * (high - low)
            at_right = loss(right)
    return math.exp((low + high) / 2)


def _sorted_by_video(predictions: Predictions, average: str) -> Predictions:
    """Returns predictions whose softmax is to be averaged, a video's clips one after the other."""
    logits, labels, videos = predictions.logits, predictions.labels, predictions.videos
    check_labels(logits, labels)
    if average == "logits" and len(np.unique(videos)) < len(videos):  # else it is of one clip each
        return Predictions(*mean_by_video(logits, labels, videos))
    if (np.diff(videos) >= 0).all():
        return predictions
    order = np.argsort(videos, kind="stable")
    return Predictions(logits[order], labels[order], videos[order])


def _loss(predictions: Predictions, temperature: float) -> float:
    """Returns the negative log-likelihood of all videos, and of the one more.

    All validation clips of a large data set are gigabytes, so that float64 is made of some videos
    at a time.

    Args:
      predictions: a video's clips one after the other.
      temperature: divides their logits.
    """
    of_labels = of_all = 0.0
    num_videos = 0
    for rows, first in _blocks(predictions):
        answers = _log_probabilities(predictions.logits[rows], first, temperature)
        labels = predictions.labels[rows][first]
        of_labels += float(np.take_along_axis(answers, labels[:, None], axis=1).sum())
        of_all += float(answers.sum())
        num_videos += len(first)
    return -of_labels - of_all / (num_videos * predictions.logits.shape[1])


def _log_probabilities(logits: np.ndarray, first: np.ndarray, temperature: float) -> np.ndarray:
    """Returns log p of each video, float64 [v, k]; 0 counts as the smallest normal float64.

    Args:
      logits: of clips, [m, k].
      first: the first clip of each video, [v].
      temperature: divides the logits.
    """
    tiny = np.finfo(np.float64).tiny
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    scores /= temperature
    if len(first) == len(scores):  # one clip each: a logarithm a video instead of one a class
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return np.maximum(scores, np.log(tiny), out=scores)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    counts = np.diff(first, append=len(scores))
    means = np.add.reduceat(scores, first, axis=0) / counts[:, None]
    return np.log(np.maximum(means, tiny))


def _blocks(predictions: Predictions) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields the rows of some whole videos, and which of these are the first of a video."""
    videos = predictions.videos
    starts = np.flatnonzero(np.diff(videos, prepend=videos[0] - 1))
    ends = np.append(starts[1:], len(videos))
    at_once = _AT_ONCE // predictions.logits.shape[1]
    begin = 0
    while begin < len(starts):
        first = starts[begin]
        end = max(int(np.searchsorted(ends, first + at_once, "right")), begin + 1)
        yield slice(first, ends[end - 1]), starts[begin:end] - first
        begin = end
