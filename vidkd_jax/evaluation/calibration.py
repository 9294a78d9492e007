"""Temperature scaling: one number that makes a network's probabilities as sure as it is right."""

import dataclasses
import math

import numpy as np

from vidkd_jax.evaluation.metrics import negative_log_likelihood
from vidkd_jax.evaluation.predictions import Predictions

LARGEST_TEMPERATURE = 20.0  # that is tried; the smallest is 1 / 20
_GRID = 25  # of them are tried first
_TOLERANCE = 1e-3  # of the logarithm
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

    def loss(log_temperature: float) -> float:
        answers, labels, *_ = scaled(predictions, math.exp(log_temperature)).by_video(average)
        one_more = np.log(np.maximum(answers, np.finfo(np.float64).tiny)).mean()
        return len(labels) * negative_log_likelihood(answers, labels) - float(one_more)

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
