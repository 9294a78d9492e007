"""Averages of chosen clips by hand, and against the evaluation's own."""

import numpy as np
import pytest

from vidkd_jax.evaluation.predictions import Predictions
from vidkd_jax.inference.aggregation import Answers, affordable, aggregate, divide, is_sure


def logits(*rows):
    return np.log(np.array(rows, np.float32))


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_all_clips_give_the_bits_of_the_evaluation(average):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((7, 5)).astype(np.float32)
    wanted, _, _ = Predictions(rows, np.zeros(7, int), np.zeros(7, int)).by_video(average)
    order = rng.permutation(7)  # best first is not the order of the clips
    np.testing.assert_array_equal(aggregate(Answers(order, rows[order]), average), wanted[0])


def test_the_mean_of_probabilities_and_of_logits():
    answers = Answers(np.array([3, 1]), logits([0.8, 0.2], [0.5, 0.5]))
    np.testing.assert_allclose(aggregate(answers, "softmax"), [0.65, 0.35], atol=1e-6)
    # The mean of logits is the geometric mean: 2 : 1.
    np.testing.assert_allclose(aggregate(answers, "logits"), [2 / 3, 1 / 3], atol=1e-6)


def test_a_clip_in_both_lists_counts_once_with_the_mean_of_both():
    teacher = Answers(np.array([4, 0]), logits([0.6, 0.4], [0.9, 0.1]))
    student = Answers(np.array([2, 4]), logits([0.3, 0.7], [0.2, 0.8]))
    # Clip 0: .9, clip 2: .3, clip 4: (.6 + .2) / 2 = .4; their mean.
    found = divide(teacher, student, "softmax")
    np.testing.assert_allclose(found, [1.6 / 3, 1.4 / 3], atol=1e-6)


def test_either_may_answer_alone():
    some, none = Answers(np.array([1]), logits([0.3, 0.7])), np.zeros((0, 2), np.float32)
    for pair in ((some, Answers(np.zeros(0, int), none)), (Answers(np.zeros(0, int), none), some)):
        np.testing.assert_allclose(divide(*pair, "softmax"), [0.3, 0.7], atol=1e-6)


def test_sure_at_or_above_the_threshold():
    assert is_sure(np.array([0.1, 0.9]), 0.9) and not is_sure(np.array([0.2, 0.8]), 0.9)
    several = np.array([[[0.1, 0.9], [0.8, 0.2]], [[0.3, 0.7], [1.0, 0.0]]])
    assert is_sure(several, 0.8).tolist() == [[True, True], [False, True]]


def test_a_budget_of_seconds_buys_whole_clips():
    costs = {"sampler": 0.01, "teacher": 0.2}
    assert affordable(0.9, 18, **costs) == 3  # .9 - .18 = .72
    assert affordable(0.1, 18, **costs) == 1  # one at least
    assert affordable(99, 18, **costs) == 18
