"""Rankings and rates: hand-computed values, scikit-learn, answers of one kind."""

import numpy as np
import pytest

from vidkd_jax.evaluation.binary import (
    average_precision,
    mean_average_precision,
    rates,
    roc_auc,
)

ANSWERS = np.array([True, False, True, True, False])


def test_pairs_are_counted_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.2])
    # Of six pairs of a yes and a no: .9 beats both, .7 beats .2, .2 equals .2.
    assert roc_auc(scores, ANSWERS) == pytest.approx(3.5 / 6)
    # Thresholds .9, .7 and .2: precision 1, 2/3 and 3/5, each with one more yes found.
    assert average_precision(scores, ANSWERS) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert rates(scores > 0.5, ANSWERS) == pytest.approx((1 / 2, 2 / 3))


@pytest.mark.parametrize("score", [0.0, -np.inf])
def test_equal_scores_are_one_threshold(score):
    answers = np.array([True, False, False, True])
    assert average_precision(np.full(4, score), answers) == 0.5


def test_the_mean_average_precision_of_two_classes_by_hand():
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    # Class 0 at ranks 1 and 3: (1 + 2/3) / 2. Class 1 at ranks 1 and 3, as well.
    assert mean_average_precision(scores, np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)
    # Nothing is asked of a class without examples.
    assert mean_average_precision(np.eye(3)[[0, 0, 1]], np.array([0, 0, 1])) == 1.0
    for labels in ([0, -1], [0, 2]):
        with pytest.raises(ValueError, match="there are only 2 classes"):
            mean_average_precision(np.eye(2), np.array(labels))


@pytest.mark.parametrize("decimals", [1, 6])
def test_equals_scikit_learn(decimals):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    answers = rng.random(200) < 0.8
    scores = np.round(rng.normal(answers.astype(float)), decimals)  # at 1 decimal many are equal
    assert roc_auc(scores, answers) == pytest.approx(sklearn.roc_auc_score(answers, scores))
    expected = sklearn.average_precision_score(answers, scores)
    assert average_precision(scores, answers) == pytest.approx(expected)


def test_constant_scores_say_nothing():
    assert roc_auc(np.ones(5), ANSWERS) == 0.5
    assert average_precision(np.ones(5), ANSWERS) == 0.6


@pytest.mark.parametrize("answer", [True, False])
def test_answers_of_one_kind_have_finite_figures(answer):
    scores, answers = np.array([0.1, 0.9]), np.full(2, answer)
    assert roc_auc(scores, answers) == 0.5
    assert average_precision(scores, answers) == float(answer)
    assert rates(scores > 0.5, answers) == ((0.0, 0.5) if answer else (0.5, 0.0))


def test_nan_is_not_hidden_by_an_average_precision():
    scores, answers = np.array([0.5, np.nan]), np.array([True, False])
    assert np.isnan(average_precision(scores, answers))
    classes = np.array([[0.5, 0.5], [np.nan, 0.5]])
    assert np.isnan(mean_average_precision(classes, np.array([0, 1])))


def test_nan_is_not_hidden():
    assert np.isnan(roc_auc(np.array([0.1, np.nan]), np.array([True, False])))


@pytest.mark.parametrize("function", [roc_auc, average_precision, rates])
@pytest.mark.parametrize("answers", [np.ones(3, bool), np.ones(2, int), np.ones((2, 1), bool)])
def test_answers_of_another_shape_or_type_are_refused(function, answers):
    with pytest.raises(ValueError, match=r"must be \[n\]"):
        function(np.zeros(2, bool), answers)
