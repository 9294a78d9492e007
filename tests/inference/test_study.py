"""Studies on cached scores, against a plain loop over videos and clips."""

import dataclasses
import itertools
import time
import tracemalloc

import numpy as np
import pytest
from scores_of import drawn

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import Predictions, sigmoid, softmax
from vidkd_jax.inference import selectors
from vidkd_jax.inference import study as study_lib
from vidkd_jax.inference.aggregation import Answers, aggregate, divide, is_sure
from vidkd_jax.inference.selectors import Evidence
from vidkd_jax.inference.study import Study

COUNTS = (5, 1, 3, 8, 2, 6)


def evidence(scores, video):
    rows = scores.videos == video
    return Evidence(
        int(rows.sum()),
        softmax(scores.sampler[rows]),
        sigmoid(scores.confidence[rows]),
        softmax(scores.teacher[rows]),
        int(scores.labels[video]),
    )


def plain(scores, name, k, number=0):
    """Yields (chosen clips, best first; the teacher's logits; the sampler's) of each video."""
    for video in range(len(scores.labels)):
        rows = np.flatnonzero(scores.videos == video)
        rng = np.random.default_rng((0, number, video))
        chosen = selectors.choose(name, evidence(scores, video), k, rng)
        yield chosen, scores.teacher[rows], scores.sampler[rows]


@pytest.mark.parametrize("average", ["softmax", "logits"])
@pytest.mark.parametrize("name", sorted(selectors.known()))
def test_selectors_at_every_k(name, average):
    scores = drawn(COUNTS, average=average)
    ks = (1, 3, 7, 30)
    study = Study(scores)
    found = study.selected(name, ks, passes=2)
    answers = study.selected(name, ks, passes=2).probabilities
    masks = study.chosen(name, ks, passes=2)
    assert found.correct.shape == (2, 4, 6) and found.top1.shape == (2, 4)
    for number in range(2):
        for place, k in enumerate(ks):
            each = plain(scores, name, k, number)
            for video, (chosen, logits, _) in enumerate(each):
                wanted = aggregate(Answers(chosen, logits[chosen]), average)
                np.testing.assert_allclose(answers[number, place, video], wanted, atol=1e-12)
                right = wanted.argmax() == scores.labels[video]
                assert found.correct[number, place, video] == right
                assert found.seen[number, place, video] == len(chosen)
                of_video = masks[number, place, scores.videos == video]
                assert np.flatnonzero(of_video).tolist() == sorted(chosen.tolist())


def test_no_clip_is_no_choice():
    study = Study(drawn(COUNTS))
    for choose in (study.selected, study.chosen):
        with pytest.raises(ValueError, match=r"K \[0, 2\]: must be 1 or more"):
            choose("random", [0, 2])


def test_dense_is_the_evaluations_accuracy():
    scores = drawn(COUNTS)
    clips = Predictions(scores.teacher, scores.labels[scores.videos], scores.videos)
    probabilities, labels, _ = clips.by_video("softmax")
    found = Study(scores).selected("dense", (1,))
    assert found.top1.item() == (probabilities.argmax(axis=1) == labels).mean()
    assert found.clips.item() == np.mean(COUNTS)


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_the_division_of_the_work(average):
    scores = drawn(COUNTS, average=average, seed=3)
    found = Study(scores).divided("confidence", 4, (0, 1, 4))
    for place, k_student in enumerate((0, 1, 4)):
        students = plain(scores, "entropy", max(k_student, 1))
        teachers = plain(scores, "confidence", max(4 - k_student, 1))
        for video, ((by_s, logits, own), (by_t, _, _)) in enumerate(
            zip(students, teachers, strict=True)
        ):
            by_s, by_t = by_s[:k_student], by_t[: 4 - k_student]
            wanted = divide(Answers(by_t, logits[by_t]), Answers(by_s, own[by_s]), average)
            np.testing.assert_allclose(found.probabilities[0, place, video], wanted, rtol=1e-9)
            assert found.correct[0, place, video] == (wanted.argmax() == scores.labels[video])
            assert found.seen[0, place, video] == len(by_t)
    with pytest.raises(ValueError, match=r"must be in 0\.\.4"):
        Study(scores).divided("confidence", 4, (5,))


@pytest.mark.parametrize("name", ["confidence", "random", "dense"])
@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_stopping_when_the_mean_is_sure(average, name):
    scores, thresholds = drawn(COUNTS, average=average), (0.4, 0.7, 1.0)
    study = Study(scores)
    found = study.stopped(name, 5, thresholds, passes=2)
    masks = study.chosen_until_sure(name, 5, thresholds, passes=2)
    for number, (place, threshold) in itertools.product(range(2), enumerate(thresholds)):
        for video, (chosen, logits, _) in enumerate(plain(scores, name, 5, number)):
            seen = 0
            while seen < len(chosen):
                seen += 1
                wanted = aggregate(Answers(chosen[:seen], logits[chosen[:seen]]), average)
                if is_sure(wanted, threshold):
                    break
            each = number, place, video
            assert found.seen[each] == seen
            np.testing.assert_allclose(found.probabilities[each], wanted, rtol=1e-9)
            assert found.correct[each] == (wanted.argmax() == scores.labels[video])
            of_video = masks[number, place, scores.videos == video]
            assert np.flatnonzero(of_video).tolist() == sorted(chosen[:seen].tolist())
    most = 100 if name == "dense" else 5  # all clips have no limit
    assert found.clips[0, 0] < found.clips[0, 2] == np.minimum(COUNTS, most).mean()


def test_the_oracle_gains_on_labels_that_mean_nothing():
    """That is why its headroom needs a null control."""
    scores = drawn([12] * 400)
    null = Study(scores.shuffled(1))
    dense, oracle = (null.selected(name, (1,)).top1.item() for name in ("dense", "oracle"))
    assert abs(dense - 0.25) < 0.09 and oracle > 0.9  # of 12 random clips one likes any class
    by_truth = Study(scores).selected("oracle_null", (1,), passes=5).top1
    assert abs(by_truth.mean() - 0.25) < 0.05


def test_passes_of_random_differ_and_are_seeded():
    study = Study(drawn([10] * 50))
    one, same = (study.selected("random", (2,), passes=3) for _ in range(2))
    np.testing.assert_array_equal(one.correct, same.correct)
    assert (one.correct[0] != one.correct[1]).any()


def test_scores_that_lack_something_are_named():
    scores = dataclasses.replace(drawn(COUNTS), confidence=None)
    with pytest.raises(InputError, match="needs the clips' confidence"):
        Study(scores).selected("confidence", (1,))
    with pytest.raises(ValueError, match="not in the order"):
        dataclasses.replace(scores, videos=scores.videos[::-1])
    for without in (2, len(COUNTS)):  # a clip's video is numbered past it, or none follows
        videos = scores.videos + (scores.videos >= without)
        with pytest.raises(ValueError, match="a video has no clip"):
            dataclasses.replace(scores, videos=videos, labels=np.zeros(len(COUNTS) + 1, int))


def test_a_study_of_the_test_split_takes_seconds():
    """1,260 videos of 30 clips, every selector at five Ks, random in 10 passes."""
    study = Study(drawn([30] * 1260, num_classes=14))
    started = time.process_time()
    for name in selectors.known():
        study.selected(name, (1, 3, 5, 7, 10), passes=10 if name == "random" else 1)
    assert time.process_time() - started < 20  # about 3 seconds


@pytest.mark.parametrize("name", ["random", "confidence"])
def test_scores_of_many_videos_are_made_in_parts(name, monkeypatch):
    """In float64, Kinetics' padded scores would be several times what the networks have said."""
    monkeypatch.setattr(study_lib, "_AT_ONCE", 2**15, raising=False)
    scores = drawn([20] * 300, num_classes=100)
    study = Study(scores)
    tracemalloc.start()
    study.selected(name, (7,))
    study.divided(name, 7, (4,))
    study.stopped(name, 7, (0.9,))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < scores.teacher.nbytes


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_the_parts_make_no_difference(average, monkeypatch):
    study = Study(drawn(COUNTS, average=average))

    def found():
        return (
            study.selected("entropy", (1, 3), passes=2),
            study.divided("confidence", 3, (0, 1, 3)),
            study.stopped("random", 5, (0.3, 0.9), passes=2),
        )

    whole = found()
    monkeypatch.setattr(study_lib, "_AT_ONCE", 2 * max(COUNTS) * 4)  # two videos at a time
    for one, other in zip(whole, found(), strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.seen, other.seen)
