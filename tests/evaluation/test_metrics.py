"""Metrics: hand-computed values and the edges of their definitions."""

import json

import numpy as np
import pytest
from scipy import stats

from vidkd_jax.evaluation import metrics


def probabilities_of(confidences):
    """Returns two-class probabilities that predict class 0 with these confidences (>= 0.5)."""
    confidences = np.array(confidences)
    return np.stack([confidences, 1 - confidences], axis=1)


def test_top_k_hand_computed():
    scores = np.array([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1], [-3.0, -1.0, -2.0]])
    labels = np.array([2, 0, 0])
    assert metrics.top_k_correct(scores, labels, 1).tolist() == [False, True, False]
    assert metrics.top_k_correct(scores, labels, 2).tolist() == [True, True, False]


@pytest.mark.parametrize("k", [3, 5, 100])
def test_top_k_with_as_many_guesses_as_classes_is_always_right(k):
    scores = np.random.default_rng(0).normal(size=(20, 3))
    assert metrics.top_k_correct(scores, np.arange(20) % 3, k).all()


def test_top_k_ties_go_to_the_lower_class_number():
    scores, labels = np.zeros((4, 4)), np.arange(4)
    assert metrics.top_k_correct(scores, labels, 1).tolist() == [True, False, False, False]
    assert metrics.top_k_correct(scores, labels, 2).tolist() == [True, True, False, False]
    assert metrics.top_k_correct(scores, labels, 1)[0] == (np.argmax(scores[0]) == 0)


def test_top_k_with_a_nan_is_wrong():
    scores = np.array([[np.nan, np.nan], [np.nan, 1.0], [0.0, 1.0]])
    assert metrics.top_k_correct(scores, np.array([0, 1, 1]), 1).tolist() == [False, False, True]


def test_top_1_agrees_with_argmax():
    generator = np.random.default_rng(0)
    scores, labels = generator.integers(0, 4, (500, 6)), generator.integers(0, 6, 500)
    np.testing.assert_array_equal(
        metrics.top_k_correct(scores, labels, 1), scores.argmax(axis=1) == labels
    )


def test_negative_log_likelihood_hand_computed():
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert metrics.negative_log_likelihood(probabilities, np.array([0, 1])) == pytest.approx(
        (np.log(4) + np.log(2)) / 2
    )


def test_negative_log_likelihood_of_the_impossible_is_finite_and_large():
    value = metrics.negative_log_likelihood(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert 700 < value < 710


def test_reliability_bins_hand_computed():
    # Five bins. Two examples in (0.6, 0.8] of which one is right, three in (0.8, 1], all right.
    bins = metrics.reliability_bins(
        probabilities_of([0.65, 0.75, 0.85, 0.9, 0.95]), np.array([0, 1, 0, 0, 0]), num_bins=5
    )
    assert bins.count.tolist() == [0, 0, 0, 2, 3]
    np.testing.assert_allclose(bins.confidence, [0, 0, 0, 0.7, 0.9])
    np.testing.assert_allclose(bins.accuracy, [0, 0, 0, 0.5, 1.0])
    assert json.loads(json.dumps(bins.as_dict()))["count"] == [0, 0, 0, 2, 3]


def test_expected_calibration_error_hand_computed():
    # With the bins of the previous test: 2/5 * |0.7 - 0.5| + 3/5 * |0.9 - 1|.
    error = metrics.expected_calibration_error(
        probabilities_of([0.65, 0.75, 0.85, 0.9, 0.95]), np.array([0, 1, 0, 0, 0]), num_bins=5
    )
    assert error == pytest.approx(0.14)


def test_gaps_of_opposite_sign_in_one_bin_cancel_and_in_two_bins_do_not():
    probabilities, labels = probabilities_of([0.6, 0.9]), np.array([0, 1])
    assert metrics.expected_calibration_error(probabilities, labels, 1) == pytest.approx(0.25)
    assert metrics.expected_calibration_error(probabilities, labels, 10) == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("labels", "error"), [([0, 0], 0.0), ([1, 1], 1.0), ([0, 1], 0.5)], ids=str
)
def test_certain_predictions_fall_in_the_last_bin(labels, error):
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    bins = metrics.reliability_bins(probabilities, np.array(labels))
    assert bins.count.tolist() == [0] * 14 + [2]
    assert metrics.expected_calibration_error(probabilities, np.array(labels)) == error


def test_confidences_on_an_edge_fall_in_the_bin_below_and_zero_in_the_first():
    scores = np.array([[0.0], [0.25], [0.5], [0.75], [1.0], [1.0 + 1e-7], [0.2500001]])
    bins = metrics.reliability_bins(scores, np.zeros(7, int), num_bins=4)
    assert bins.count.tolist() == [2, 2, 1, 2]


def test_every_multiple_of_the_bin_width_falls_in_the_bin_below():
    edges = np.linspace(0, 1, 16)[1:, None]
    bins = metrics.reliability_bins(edges, np.zeros(15, int), num_bins=15)
    assert bins.count.tolist() == [1] * 15


def test_perfectly_calibrated_predictions_have_no_error():
    probabilities = probabilities_of([0.75] * 400)
    labels = (np.arange(400) % 4 == 0).astype(int)
    assert metrics.expected_calibration_error(probabilities, labels) == pytest.approx(0.0)


def test_confusion_has_labels_in_rows_and_predictions_in_columns():
    confusion = metrics.confusion_matrix(np.array([1, 1, 0, 2]), np.array([0, 1, 0, 1]), 4)
    assert confusion.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_confusion_counts_beyond_the_range_of_small_integer_labels():
    labels = np.full(300, 200, np.uint8)
    assert metrics.confusion_matrix(labels, labels, 201)[200, 200] == 300


def test_per_class_accuracy_marks_classes_without_examples():
    accuracy = metrics.per_class_accuracy(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]]))
    np.testing.assert_array_equal(accuracy, [0.75, np.nan, 0.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda scores, labels: metrics.top_k_correct(scores, labels, 1),
        metrics.negative_log_likelihood,
        metrics.expected_calibration_error,
        metrics.mean_class_accuracy,
    ],
    ids=["top_k_correct", "negative_log_likelihood", "calibration_error", "mean_class_accuracy"],
)
@pytest.mark.parametrize(
    ("shape", "labels"),
    [((3, 2), [0, 1]), ((3,), [0, 1, 0]), ((2, 2), [0, 2]), ((2, 2), [0, -1]), ((0, 2), [])],
    ids=str,
)
def test_what_does_not_fit_is_refused(function, shape, labels):
    with pytest.raises(ValueError, match="label"):
        function(np.zeros(shape), np.array(labels, int))


def test_in_the_mean_over_classes_each_class_counts_alike():
    labels = np.array([0] * 40 + [1] * 3 + [2] * 2)
    always_the_first = np.tile([0.9, 0.05, 0.05], (45, 1))
    assert metrics.mean_class_accuracy(always_the_first, labels) == pytest.approx(1 / 3)
    # Of two classes, one with all four right and one with one of two; the third has no example.
    scores = np.eye(3)[[0, 0, 0, 0, 1, 0]]
    found = metrics.mean_class_accuracy(scores, np.array([0, 0, 0, 0, 1, 1]))
    assert found == pytest.approx((1 + 0.5) / 2)


def test_the_interval_of_examples_that_are_alone_is_hand_computed():
    right = np.arange(10) < 5
    low, high = metrics.share_interval(right, np.arange(10))
    effective, t = 9.0, 2.2621572  # 0.25 / (10 / 9 * 10 * 0.25 / 100); Student's, 9 degrees
    half = t * np.sqrt(0.25 / effective + t**2 / (4 * effective**2)) / (1 + t**2 / effective)
    np.testing.assert_allclose((low, high), (0.5 - half, 0.5 + half), rtol=1e-6)


def test_the_interval_of_many_examples_is_wilsons():
    right = np.arange(5000) % 10 < 7
    found = metrics.share_interval(right, np.arange(5000))
    wilson = stats.binomtest(3500, 5000).proportion_ci(method="wilson")
    np.testing.assert_allclose(found, (wilson.low, wilson.high), atol=1e-4)


def test_examples_of_a_group_that_agree_are_one():
    right = np.repeat([True, False, True, True, False, True], 8)
    found = metrics.share_interval(right, np.repeat(np.arange(6), 8))
    np.testing.assert_allclose(found, metrics.share_interval(right[::8], np.arange(6)))
    alone = metrics.share_interval(right, np.arange(48))
    assert found[0] < alone[0] and alone[1] < found[1]


@pytest.mark.parametrize(("right", "low", "high"), [(True, 0.3, 1), (False, 0, 0.7)])
def test_all_right_in_a_few_groups_is_not_sure(right, low, high):
    found = metrics.share_interval(np.full(40, right), np.repeat(np.arange(4), 10))
    assert 0 <= found[0] <= found[1] <= 1
    assert found[0] >= low - 0.05 and found[1] <= high + 0.05 and found[1] - found[0] > 0.5


def test_one_group_says_nothing_of_others():
    assert np.isnan(metrics.share_interval(np.arange(6) < 3, np.zeros(6))).all()


@pytest.mark.parametrize(("num_groups", "spread"), [(6, 0.0), (6, 1.0), (30, 1.0)])
def test_the_interval_holds_the_true_share_as_often_as_it_says(num_groups, spread):
    """Of groups that differ: one person's videos are easier than another's."""
    rng = np.random.default_rng(0)
    true = (1 / (1 + np.exp(-(0.8 + spread * rng.normal(size=100_000))))).mean()
    groups = np.repeat(np.arange(num_groups), 8)
    held = 0
    for _ in range(600):
        easy = 1 / (1 + np.exp(-(0.8 + spread * rng.normal(size=num_groups))))
        low, high = metrics.share_interval(rng.random(len(groups)) < easy[groups], groups)
        held += low <= true <= high
    assert held / 600 > 0.93
