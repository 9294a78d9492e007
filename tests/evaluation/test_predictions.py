import numpy as np
import pytest

from vidkd_jax.evaluation.collect import collect
from vidkd_jax.evaluation.predictions import Predictions, agreement, softmax, summarise


def batch(logits, labels, videos, mask):
    return {
        "logits": np.asarray(logits, np.float32),
        "label": np.asarray(labels),
        "video": np.asarray(videos),
        "mask": np.asarray(mask),
    }


def test_padding_is_left_out_and_clips_are_ordered_by_video():
    batches = [
        batch([[1, 0], [0, 2]], [0, 1], [1, 0], [True, True]),
        batch([[3, 0], [9, 9]], [0, 0], [1, 0], [True, False]),
    ]
    predictions = collect(lambda b: b, batches).predictions()
    assert predictions.videos.tolist() == [0, 1, 1]
    assert predictions.logits.tolist() == [[0, 2], [1, 0], [3, 0]]
    assert predictions.labels.tolist() == [1, 0, 0]


def test_clips_of_a_video_keep_their_order_however_many_there_are():
    videos = np.tile(np.arange(5), 60)[::-1]
    numbers = np.arange(300, dtype=float)
    found = collect(lambda b: b, [batch(numbers[:, None], 0 * videos, videos, videos >= 0)])
    for video in range(5):
        rows = found.outputs["logits"][found.videos == video, 0]
        assert rows.tolist() == numbers[videos == video].tolist()


def test_rows_of_logits_may_lie_far_apart():
    logits = np.array([[2000.0, 2000.0], [-2000.0, -2000.0 - np.log(3)]])
    np.testing.assert_allclose(softmax(logits), [[0.5, 0.5], [0.75, 0.25]])


def test_softmax_and_logit_averages_differ_as_computed_by_hand():
    # Two clips of one video: p = (.9, .1) and (.2, .8); logit averages weigh the surer clip.
    logits = np.log(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32))
    predictions = Predictions(logits, np.array([0, 0]), np.array([5, 5]))
    by_softmax, labels, videos = predictions.by_video("softmax")
    np.testing.assert_allclose(by_softmax, [[0.55, 0.45]], rtol=1e-6)
    by_logits, _, _ = predictions.by_video("logits")
    np.testing.assert_allclose(by_logits, [[0.6, 0.4]], rtol=1e-6)  # sqrt(.18) : sqrt(.08) = 3 : 2
    assert labels.tolist() == [0] and videos.tolist() == [5]


def test_each_video_counts_once_however_many_clips_it_has():
    logits = np.array([[5, 0]] * 9 + [[5, 0]], np.float32)
    predictions = Predictions(logits, np.array([0] * 9 + [1]), np.array([0] * 9 + [1]))
    summary = summarise(predictions, average="softmax", bins=15)
    assert summary["clip_top1"] == 0.9 and summary["video_top1"] == 0.5
    assert summary["clip_top5"] == summary["video_top5"] == 1.0
    p = 1 / (1 + np.exp(-5))
    assert summary["nll"] == pytest.approx((-np.log(p) - np.log(1 - p)) / 2)
    assert summary["ece"] == pytest.approx(p - 0.5)
    assert summary["clip_ece"] == pytest.approx(p - 0.9)


def test_imbalance_does_not_look_good():
    """Of 40, 3 and 2 videos, a network that only says the commonest class gets 89 % right."""
    labels = np.array([0] * 40 + [1] * 3 + [2] * 2)
    logits = np.tile(np.array([[5, 0, 0]], np.float32), (45, 1))
    summary = summarise(Predictions(logits, labels, np.arange(45)), average="softmax", bins=15)
    assert summary["video_top1"] == summary["commonest_class"] == pytest.approx(40 / 45)
    assert summary["mean_class_accuracy"] == pytest.approx(1 / 3)


def test_agreement_by_hand():
    student = [[0.7, 0.3], [0.9, 0.1]]
    teacher = np.array([[0.8, 0.2], [0.4, 0.6]])
    of_student = Predictions(
        np.log(np.array(student, np.float32)), np.array([0, 0]), np.array([0, 1])
    )
    divergences = [
        sum(t * np.log(t / s) for t, s in zip(*rows, strict=True))
        for rows in zip(teacher, student, strict=True)
    ]
    expected = {
        "teacher_agreement": 0.5,
        "teacher_kl": np.mean(divergences),
        "teacher_top1": 0.5,
    }
    assert agreement(of_student, teacher) == pytest.approx(expected, rel=1e-6)
