"""The temperature of a network's answers."""

import tracemalloc

import numpy as np
import pytest

from vidkd_jax.evaluation import calibration
from vidkd_jax.evaluation.calibration import each_alone, fit_temperature, scaled
from vidkd_jax.evaluation.predictions import Predictions, summarise


def sure(right, of, margin):
    """Returns videos of one clip and two classes: `right` of them are right, all equally sure."""
    wrong = np.arange(of) >= right
    logits = np.zeros((of, 2), np.float32)
    logits[np.arange(of), wrong.astype(int)] = margin
    return Predictions(logits, np.zeros(of, int), np.arange(of))


@pytest.mark.parametrize("average", ["softmax", "logits"])
@pytest.mark.parametrize(("right", "margin"), [(8, 6.0), (9, 1.0)])
def test_as_sure_as_it_is_right(right, margin, average):
    """With the best T of equally sure videos, sigmoid(margin / T) is the share that is right.

    Half of the one video more counts as right.
    """
    predictions = sure(right, 10, margin)
    temperature = fit_temperature(predictions, average)
    odds = (right + 0.5) / (10.5 - right)
    assert temperature == pytest.approx(margin / np.log(odds), rel=1e-3)
    predictions = sure(100 * right, 1000, margin)  # where it does not matter
    scaled_down = scaled(predictions, fit_temperature(predictions, average))
    found = summarise(scaled_down, average=average, bins=15)
    assert found["video_ece"] == pytest.approx(0, abs=1e-3)
    assert found["video_top1"] == right / 10


def test_answers_that_some_temperature_makes_certain_stop_nothing():
    """At 1/20 the wrong class' probability, exp(-800), is 0: the search goes on without it."""
    temperature = fit_temperature(sure(19, 20, 40.0), "softmax")
    assert temperature == pytest.approx(40 / np.log(19.5 / 1.5), rel=1e-3)


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_no_temperature_is_better(average):
    """Of videos with several clips each: the loss of a fine grid is nowhere lower."""
    rng = np.random.default_rng(0)
    videos = np.repeat(np.arange(200), rng.integers(1, 6, 200))
    labels = rng.integers(0, 5, 200)[videos]
    logits = 4 * rng.standard_normal((len(videos), 5)).astype(np.float32)
    logits[np.arange(len(videos)), labels] += 4
    predictions = Predictions(logits, labels, videos)

    def loss(temperature):
        return summarise(scaled(predictions, temperature), average=average, bins=15)["video_nll"]

    best = loss(fit_temperature(predictions, average))
    assert best < loss(1.0) - 0.01
    assert best <= min(map(loss, np.geomspace(0.05, 20, 200))) + 1e-4


@pytest.mark.parametrize(("videos", "clips", "classes"), [(4, 6, 5), (4, 3, 2), (6, 4, 3)])
def test_of_several_minima_the_lowest_is_found(videos, clips, classes):
    """The likelihood of an average of few clips has several, as of these random answers."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logits = 3 * rng.standard_normal((videos * clips, classes)).astype(np.float32)
        of = np.repeat(np.arange(videos), clips)
        predictions = Predictions(logits, rng.integers(0, classes, videos)[of], of)

        def loss(temperature, predictions=predictions):
            answers, labels, *_ = scaled(predictions, temperature).by_video("softmax")
            own = np.log(answers[np.arange(len(labels)), labels])
            return -own.sum() - np.log(answers).mean()  # of the one video more

        best = min(map(loss, np.geomspace(0.05, 20, 200)))
        assert loss(fit_temperature(predictions, "softmax")) <= best + 1e-3


def test_clips_alone_and_their_mean():
    """Two clips of each video, one of them sure of nothing: the mean must be made surer."""
    right, nothing = sure(8, 10, 6.0), np.zeros((10, 2), np.float32)
    both = Predictions(
        np.concatenate([right.logits, nothing]), np.zeros(20, int), np.tile(np.arange(10), 2)
    )
    alone = each_alone(both)
    assert len({*alone.videos.tolist()}) == 20
    # Half of the clips say nothing at any temperature; the others are sure as in `sure`, and of the
    # one video more they answer a half.
    assert fit_temperature(alone, "softmax") == pytest.approx(6 / np.log(8.25 / 2.25), rel=1e-3)
    # (sigmoid(6 / T) + 1 / 2) / 2 is at most 3 / 4, less than the share that is right.
    assert fit_temperature(both, "softmax") < 1


@pytest.mark.parametrize("average", ["softmax", "logits"])
@pytest.mark.parametrize("at_once", [1, 40, 2**16])
def test_the_loss_is_that_of_all_videos_in_whatever_parts_it_is_computed(
    average, at_once, monkeypatch
):
    """Of videos with several clips each, in no order, at temperatures at which p underflows."""
    monkeypatch.setattr(calibration, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    videos = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 6, 40)))
    labels = rng.integers(0, 5, 40)[videos]
    clips = Predictions(
        30 * rng.standard_normal((len(videos), 5)).astype(np.float32), labels, videos
    )
    for predictions in (clips, each_alone(clips)):
        ordered = calibration._sorted_by_video(predictions, average)
        for temperature in (0.05, 1.0, 20.0):
            answers, truth, _ = scaled(predictions, temperature).by_video(average)
            answers = np.log(np.maximum(answers, np.finfo(float).tiny))
            expected = -answers[np.arange(len(truth)), truth].sum() - answers.mean()
            assert calibration._loss(ordered, temperature) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_fitting_needs_little_memory_beside_the_answers(average):
    """Those of Kinetics' validation clips are a gigabyte, and the data may still be open."""
    rng = np.random.default_rng(0)
    videos, labels = np.repeat(np.arange(100), 20), np.repeat(rng.integers(0, 400, 100), 20)
    clips = Predictions(rng.standard_normal((2000, 400), np.float32), labels, videos)
    for predictions in (clips, each_alone(clips)):
        tracemalloc.start()
        fit_temperature(predictions, average)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < clips.logits.nbytes


def test_the_ends_of_what_is_tried():
    sharp = sure(10, 10, 1.0)
    sharp.logits[:, 0] = 1e-3
    assert fit_temperature(sharp, "softmax") == pytest.approx(1 / 20, rel=0.01)
    assert fit_temperature(sure(5, 10, 1.0), "softmax") == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize("count", [2, 8, 20])
def test_few_videos_that_are_all_right_do_not_make_a_network_certain(count):
    predictions = sure(count, count, 2.0)
    temperature = fit_temperature(predictions, "softmax")
    found = summarise(scaled(predictions, temperature), average="softmax", bins=15)
    assert 1 - found["video_ece"] == pytest.approx((count + 0.5) / (count + 1), abs=1e-3)
