"""Evaluators on outputs whose metrics are known."""

import copy
import itertools

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation import evaluators
from vidkd_jax.evaluation.collect import Collected, collect
from vidkd_jax.evaluation.predictions import summarise

OPTIONS = evaluators.Options("softmax", 15, 3)


def collected(features, labels, videos=None):
    features = np.asarray(features, np.float32)
    videos = np.arange(len(labels)) if videos is None else np.asarray(videos)
    outputs = {"features": features, "logits": features}
    return Collected(outputs, np.asarray(labels), videos)


def blobs(count, seed):
    """Draws features around three corners, one for each class, with a fourth number of noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    corners = np.array([[5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0]])
    return corners[labels] + rng.normal(size=(count, 4)), labels


def test_the_classifier_is_judged_as_the_options_say():
    features, labels = blobs(30, 0)
    videos = np.arange(30) // 2  # of two clips each
    judged, errors = collected(features, labels[videos], videos), set()
    for average, bins in itertools.product(("softmax", "logits"), (4, 15)):
        options = evaluators.Options(average, bins, 3)
        found = evaluators.judge(["classification"], judged, None, options).scores
        assert found == summarise(judged.predictions(), average=average, bins=bins)
        errors.add(found["ece"])
    assert len(errors) == 4


def test_a_probe_reads_classes_that_a_line_parts():
    train, test = collected(*blobs(60, 0)), collected(*blobs(30, 1))
    found, arrays = evaluators.judge(["linear_probe"], test, train, OPTIONS)
    assert found["probe_top1"] > 0.95
    answers = arrays["linear_probe"]
    right = answers["logits"].argmax(axis=1) == answers["labels"]
    assert right.mean() == found["probe_top1"] and answers["videos"].tolist() == list(range(30))
    np.testing.assert_allclose(np.exp(answers["logits"]).sum(axis=1), 1, rtol=1e-5)
    rng = np.random.default_rng(2)
    noise = collected(rng.normal(size=(60, 4)), np.arange(60) % 3)
    guesses = evaluators.judge(
        ["linear_probe"], collected(rng.normal(size=(300, 4)), np.arange(300) % 3), noise, OPTIONS
    )
    assert 0.2 < guesses.scores["probe_top1"] < 0.5


def test_a_probe_does_not_learn_from_what_it_judges():
    """If the labels of the judged videos contradict the features, the accuracy is near zero."""
    train, (features, labels) = collected(*blobs(60, 0)), blobs(30, 1)
    wrong = collected(features, (labels + 1) % 3)
    assert evaluators.judge(["linear_probe"], wrong, train, OPTIONS).scores["probe_top1"] < 0.05


def test_a_probe_has_scikit_learns_penalty():
    linear_model = pytest.importorskip("sklearn.linear_model")
    (features, labels), (asked, _) = blobs(60, 0), blobs(30, 1)
    known, asked = (x.astype(np.float32).astype(float) for x in (features, asked))
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    probe = linear_model.LogisticRegression(C=1.0, max_iter=1000)
    probe.fit((known - mean) / deviation, labels)
    judged = collected(asked, np.zeros(30, int))
    found = evaluators.judge(["linear_probe"], judged, collected(known, labels), OPTIONS)
    expected = probe.predict_log_proba((asked - mean) / deviation)
    np.testing.assert_allclose(found.arrays["linear_probe"]["logits"], expected, atol=1e-3)


def test_a_probe_never_answers_a_class_without_training_videos():
    features, labels = blobs(60, 0)
    kept = labels != 1
    judged, train = collected(*blobs(30, 1)), collected(features[kept], labels[kept])
    found, arrays = evaluators.judge(["linear_probe"], judged, train, OPTIONS)
    logits = arrays["linear_probe"]["logits"]
    assert (logits[:, 1] == -np.inf).all() and np.isfinite(logits[:, [0, 2]]).all()
    assert found["probe_top1"] == pytest.approx(2 / 3, abs=0.05)


def test_probe_and_neighbours_know_videos_and_not_their_clips():
    """One training video has clips on either side; their mean is not the nearest."""
    clips = [[3, 0], [0, 3], [2, 1], [2, 1], [0, 1]]
    by_clip = collected(clips, [0, 0, 1, 1, 2], videos=[0, 0, 1, 1, 2])
    by_video = collected([[1.5, 1.5], [2, 1], [0, 1]], [0, 1, 2])
    judged = collected([[0, 1], [2, -1], [0, 2]], [1, 1, 2], videos=[0, 0, 1])  # 1st: [1, 0]
    names = ["linear_probe", "nearest_neighbours"]
    found, same = (evaluators.judge(names, judged, each, OPTIONS) for each in (by_clip, by_video))
    assert found.scores == same.scores and found.scores["retrieval_top1"] == 1.0
    answers = [each.arrays["linear_probe"]["logits"] for each in (found, same)]
    np.testing.assert_allclose(*answers, atol=1e-6)
    assert answers[0].shape == (2, 3)


def test_a_probe_counts_the_five_best_of_more_classes():
    """The right class is ranked by how near the features come to its corner."""
    corners = 10 * np.eye(7)
    train = collected(np.repeat(corners, 3, axis=0), np.repeat(np.arange(7), 3))
    # Of class 6, and like classes 0 to 4 more and more; like class 5 not at all.
    mixed = np.array([[9, 8, 7, 6, 5, 0, 4], [9, 8, 7, 6, 0, 0, 5]], float)
    options = evaluators.Options("softmax", 15, 7)
    found, arrays = evaluators.judge(["linear_probe"], collected(mixed, [6, 6]), train, options)
    ranks = (-arrays["linear_probe"]["logits"]).argsort(axis=1).tolist()
    assert [rank.index(6) for rank in ranks] == [5, 4]
    assert (found["probe_top1"], found["probe_top5"]) == (0.0, 0.5)


def test_neighbours_are_counted_up_to_fifty():
    """Of 60 training videos at growing angles, the right class comes at a known place."""
    angles = np.linspace(0.01, 1.2, 60)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.zeros(60, int)
    labels[[11, 49, 50]] = [1, 2, 3]  # nearest of their classes: 12th, 50th and 51st
    test = collected(np.tile([[1.0, 0.0]], (4, 1)), [0, 1, 2, 3])
    found = evaluators.judge(["nearest_neighbours"], test, collected(features, labels), OPTIONS)
    shares = [found.scores[f"retrieval_top{k}"] for k in (1, 5, 10, 20, 50)]
    assert shares == [1 / 4, 1 / 4, 1 / 4, 2 / 4, 3 / 4]


def test_a_probe_does_not_see_the_scale_of_a_feature():
    features, labels = blobs(60, 0)

    def logits(scale):
        judged = collected(features * scale, labels)
        found = evaluators.judge(["linear_probe"], judged, judged, OPTIONS)
        return found.arrays["linear_probe"]["logits"]

    scaled = logits(np.array([1, 100, 0.01, 1]))
    np.testing.assert_allclose(scaled, logits(1.0), rtol=1e-2, atol=1e-2)


def test_neighbours_are_the_same_however_many_videos_are_asked_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    train, test = (collected(rng.standard_normal((n, 4)), rng.integers(0, 3, n)) for n in (60, 11))
    whole = evaluators.judge(["nearest_neighbours"], test, train, OPTIONS).scores
    monkeypatch.setattr(evaluators, "_AT_ONCE", 4)
    assert evaluators.judge(["nearest_neighbours"], test, train, OPTIONS).scores == whole


def test_neighbours_are_the_same_whatever_the_length_of_features():
    rng = np.random.default_rng(0)
    known, asked = rng.standard_normal((60, 4)), rng.standard_normal((11, 4))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    nearest = (asked @ known.T).argmax(axis=1)
    train = collected(10.0 ** rng.integers(-6, 3, (60, 1)) * known, np.arange(60))
    found = evaluators.judge(["nearest_neighbours"], collected(asked, nearest), train, OPTIONS)
    assert found.scores["retrieval_top1"] == 1.0


def test_neighbours_are_counted_by_hand():
    train = collected([[1, 0], [0.9, 0.1], [0, 1]], [0, 1, 2])
    test = collected([[2, 0], [1, 0.2], [0, 3]], [0, 1, 0])
    found = evaluators.judge(["nearest_neighbours"], test, train, OPTIONS).scores
    # By cosine, the nearest training features are [1, 0] (correct), [0.9, 0.1] (correct) and
    # [0, 1] (wrong).
    # Of three training videos, each is among the five nearest; one has each class.
    of_all = dict.fromkeys((f"retrieval_top{k}" for k in (5, 10, 20, 50)), 1.0)
    assert found == {"retrieval_top1": 2 / 3, **of_all}


def test_a_videos_clips_are_averaged_and_clips_of_a_tuple_count_each():
    rows = collected([[[1, 0], [3, 0]], [[0, 4], [0, 2]]], [1, 0], videos=[7, 3])
    features, labels, videos = rows.by_video("features")
    assert (videos.tolist(), labels.tolist()) == ([3, 7], [0, 1])
    assert features.tolist() == [[0, 3], [2, 0]]
    clips = rows.predictions("logits")
    assert clips.logits.shape == (4, 2) and clips.videos.tolist() == [7, 7, 3, 3]
    assert clips.labels.tolist() == [1, 1, 0, 0]


def test_several_outputs_are_collected_without_the_padding():
    batches = [
        {"a": np.eye(2), "b": np.zeros((2, 3, 1)), "label": np.array([0, 1]),
         "video": np.array([1, 0]), "mask": np.array([True, True])},
        {"a": np.ones((2, 2)), "b": np.ones((2, 3, 1)), "label": np.array([1, 0]),
         "video": np.array([2, 0]), "mask": np.array([True, False])},
    ]  # fmt: skip
    found = collect(lambda batch: batch, batches)
    assert found.videos.tolist() == [0, 1, 2] and found.labels.tolist() == [1, 0, 1]
    assert found.outputs["a"].tolist() == [[0, 1], [1, 0], [1, 1]]
    assert found.outputs["b"].shape == (3, 3, 1) and set(found.outputs) == {"a", "b"}


def test_pictures_get_the_features_by_video():
    found = evaluators.judge(["features"], collected(*blobs(6, 0)), None, OPTIONS)
    assert found.scores == {} and found.arrays["features"]["features"].shape == (6, 4)


# Of four clips the teacher gets the first two right, the student the first and the last.
LABELS = np.array([0, 1, 2, 0])
TEACHER = np.eye(3)[[0, 1, 1, 2]]
STUDENT = np.eye(3)[[0, 2, 1, 0]]


def trusting(*probabilities, of=1):
    """Returns clips with these confidences; `of` clips a video belong together."""
    logits = np.log(np.divide(probabilities, np.subtract(1, probabilities))).astype(np.float32)
    shape = (-1, of, 1) if of > 1 else (-1, 1)
    outputs = {"confidence": logits.reshape(shape), "logits": STUDENT.reshape(*shape[:-1], 3)}
    labels = LABELS if of == 1 else np.array([0, 1])
    return Collected(outputs, labels, np.arange(len(labels)), {"frozen": TEACHER})


def test_confidence_is_compared_with_what_the_teacher_gets_right():
    judged = trusting(0.9, 0.6, 0.7, 0.1)
    found, arrays = evaluators.judge(["confidence"], judged, None, OPTIONS)
    assert found == pytest.approx(
        {
            "confidence_auroc": 3 / 4,
            "confidence_ap_right": (1 + 2 / 3) / 2,
            "confidence_ap_wrong": (1 + 2 / 3) / 2,
            "confidence_fpr": 1 / 2,
            "confidence_tpr": 1.0,
            "confidence_mean": 2.3 / 4,
            "teacher_right": 1 / 2,
        },
        rel=1e-6,
    )
    assert arrays["confidence"]["right"].tolist() == [True, True, False, False]
    np.testing.assert_allclose(arrays["confidence"]["confidence"], [0.9, 0.6, 0.7, 0.1], rtol=1e-6)


def test_own_confidence_is_compared_with_what_the_student_gets_right():
    found = evaluators.judge(["own_confidence"], trusting(0.9, 0.6, 0.7, 0.1), None, OPTIONS).scores
    assert found["own_confidence_auroc"] == 1 / 2 and "teacher_right" not in found
    better = evaluators.judge(["own_confidence"], trusting(0.9, 0.2, 0.3, 0.8), None, OPTIONS)
    assert better.scores["own_confidence_auroc"] == 1.0


def test_of_several_clips_a_video_each_counts():
    """Labels 0, 0, 1, 1: the teacher gets the first and the third right."""
    judged = trusting(0.9, 0.6, 0.7, 0.1, of=2)
    found, arrays = evaluators.judge(["confidence"], judged, None, OPTIONS)
    assert found["teacher_right"] == 1 / 2 and found["confidence_auroc"] == 1.0
    assert arrays["confidence"]["videos"].tolist() == [0, 0, 1, 1]


def test_extreme_confidences_stay_finite_and_nan_is_not_hidden():
    judged = trusting(0.5, 0.5, 0.5, 0.5)
    judged.outputs["confidence"][:] = [[1e4], [-1e4], [0], [0]]
    found = evaluators.judge(["confidence"], judged, None, OPTIONS).scores
    assert np.isfinite(list(found.values())).all() and found["confidence_mean"] == 0.5
    assert found["confidence_fpr"] == 0  # 0.5 is not above 0.5
    judged.outputs["confidence"][0] = np.nan
    assert np.isnan(
        evaluators.judge(["confidence"], judged, None, OPTIONS).scores["confidence_auroc"]
    )


def test_what_evaluators_read_and_need():
    assert evaluators.sources_of(["classification", "confidence"]) == {"frozen"}
    assert not evaluators.sources_of(["own_confidence"])
    assert evaluators.outputs_of(["classification", "linear_probe"]) == ("features", "logits")
    assert evaluators.learning(["classification", "linear_probe"]) == ("linear_probe",)
    with pytest.raises(ValueError, match="evaluator 'classification' is one of ours"):
        evaluators.register("classification", evaluators.known()["features"])


@pytest.mark.parametrize("name", ["predictions", "a/b", ""])
def test_names_that_are_no_file_of_an_evaluators_own_are_refused(name):
    with pytest.raises(ValueError, match="is no name for an evaluator"):
        evaluators.register(name, evaluators.known()["features"])


@pytest.fixture
def own(monkeypatch):
    """Registers an evaluator "own" that finds what is given."""
    monkeypatch.setattr(evaluators, "_EVALUATORS", copy.copy(evaluators._EVALUATORS))

    def register(arrays=None, **figures):
        found = evaluators.Evaluator(("logits",), lambda *_: (figures, arrays or {}))
        evaluators.register("own", found)

    return register


def test_numbers_of_numpy_are_figures(own):
    own(margin=np.float32(0.5), count=np.int64(3), one=np.array(1.0))
    scores = evaluators.judge(["own"], collected(*blobs(6, 0)), None, OPTIONS).scores
    assert scores == {"margin": 0.5, "count": 3.0, "one": 1.0}
    assert all(type(value) is float for value in scores.values())


@pytest.mark.parametrize("value", [np.ones(2), "much", "0.5", b"1", None])
def test_figures_that_are_no_numbers_are_named(own, value):
    own(margin=value)
    with pytest.raises(InputError, match=r"evaluator 'own': figure 'margin' is .*, no number"):
        evaluators.judge(["own"], collected(*blobs(6, 0)), None, OPTIONS)


@pytest.mark.parametrize("name", ["file", "allow_pickle", "a/b", "", "a\udc80", 3])
def test_names_under_which_no_array_can_be_saved_are_refused_before_anything_is_written(own, name):
    own({name: np.ones(2)})
    with pytest.raises(InputError, match=r"evaluator 'own': .* is no name for an array"):
        evaluators.judge(["own"], collected(*blobs(6, 0)), None, OPTIONS)


@pytest.mark.parametrize("value", [None, {"a": 1}, [np.ones(2), np.ones(3)], np.array([len])])
def test_what_is_no_array_of_numbers_or_texts_is_named(own, value):
    own({"found": value})
    with pytest.raises(InputError, match=r"evaluator 'own': 'found' is a \w+ that no array"):
        evaluators.judge(["own"], collected(*blobs(6, 0)), None, OPTIONS)


def test_lists_and_texts_are_arrays(own, tmp_path):
    own({"numbers": [1, 2], "texts": ["a", "bc"], "one": 0.5})
    arrays = evaluators.judge(["own"], collected(*blobs(6, 0)), None, OPTIONS).arrays["own"]
    np.savez_compressed(tmp_path / "own.npz", **arrays)
    with np.load(tmp_path / "own.npz") as saved:
        found = {name: saved[name].tolist() for name in saved.files}
    assert found == {"numbers": [1, 2], "texts": ["a", "bc"], "one": 0.5}


def test_a_figure_of_two_evaluators_is_refused(own):
    own(video_top1=0.99)
    with pytest.raises(InputError, match="there is a figure 'video_top1' already"):
        evaluators.judge(["classification", "own"], collected(*blobs(6, 0)), None, OPTIONS)


def test_the_pretext_task_is_judged_on_every_transform_of_every_clip():
    """Two clips, three transforms: the first is told right always, the third never."""
    logits = np.zeros((2, 3, 3), np.float32)
    logits[:, 0, 0] = logits[0, 1, 1] = logits[1, 1, 2] = logits[:, 2, 0] = 9
    judged = Collected({"pretext": logits}, np.zeros(2, int), np.arange(2))
    found = evaluators.judge(["pretext"], judged, None, OPTIONS)
    assert found.arrays["pretext"]["confusion"].tolist() == [[2, 0, 0], [0, 1, 1], [2, 0, 0]]
    assert found.scores["pretext_top1"] == pytest.approx(0.5)
    right, wrong = np.log1p(2 * np.exp(-9)), 9 + np.log1p(2 * np.exp(-9))
    assert found.scores["pretext_nll"] == pytest.approx((right + wrong) / 2, rel=1e-5)
    possible = np.array([[True, True, True], [True, True, False]])
    judged = Collected({"pretext": logits, "possible": possible}, np.zeros(2, int), np.arange(2))
    found = evaluators.judge(["pretext"], judged, None, OPTIONS)
    assert found.arrays["pretext"]["confusion"].tolist() == [[2, 0, 0], [0, 1, 1], [1, 0, 0]]
    assert found.scores["pretext_top1"] == pytest.approx(0.6)
    names = ["classification", "pretext", "features"]
    assert evaluators.of_variants(names) == (("classification", "features"), ("pretext",))
