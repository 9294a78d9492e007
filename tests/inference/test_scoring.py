"""Scores of a pair of networks on a split: the teacher's are those of its own evaluation."""

import numpy as np
import pytest
from small_networks import save_sampler

from vidkd_jax.errors import InputError
from vidkd_jax.inference import scoring
from vidkd_jax.inference.study import Study
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.samplers import Segments, as_json


def score(teacher, sampler=None, **options):
    return scoring.score(teacher, sampler, settings=saved_settings(teacher), **options)


def test_the_teachers_scores_are_those_of_its_evaluation(video_run, tmp_path):
    sampler = save_sampler(tmp_path / "sampler", video_run)
    scores = score(video_run, sampler)
    with np.load(video_run / "predictions.npz") as saved:
        np.testing.assert_array_equal(scores.teacher, saved["logits"])
        np.testing.assert_array_equal(scores.labels[scores.videos], saved["labels"])
        np.testing.assert_array_equal(scores.names[scores.videos], saved["videos"])
        np.testing.assert_array_equal(scores.groups[scores.videos], saved["groups"])
    assert scores.spans.tolist() == [[0, 7], [8, 15], [16, 23]] * 4  # 24 frames: 4 of stride 2
    assert scores.sampler.shape == (12, 2) and scores.confidence.shape == (12,)
    assert len({*scores.confidence.tolist()}) == 12
    found = Study(scores).selected("confidence", (1, 3))
    dense = Study(scores).selected("dense", (3,))
    np.testing.assert_array_equal(found.correct[:, 1], dense.correct[:, 0])


def test_a_network_is_asked_once_about_the_same_clips(video_run, tmp_path, monkeypatch):
    samplers = [
        save_sampler(tmp_path / f"sampler{seed}", video_run, classifier=False, seed=seed)
        for seed in (1, 2)
    ]
    asked, ask = [], scoring._ask

    def counted(settings, network, clips, title):
        asked.append(title)
        return ask(settings, network, clips, title)

    monkeypatch.setattr(scoring, "_ask", counted)
    first = score(video_run, samplers[0], keep=tmp_path / "kept")
    assert first.sampler is None and sorted(asked) == ["sampler", "teacher"]
    other = score(video_run, samplers[1], keep=tmp_path / "kept")
    assert asked.count("teacher") == 1 and (other.confidence != first.confidence).any()
    alone = score(video_run, keep=tmp_path / "kept")
    assert alone.confidence is None and len(asked) == 3
    np.testing.assert_array_equal(alone.teacher, first.teacher)
    score(video_run, keep=tmp_path / "kept", split="val")
    assert asked.count("teacher") == 2
    for path in (tmp_path / "kept").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"\.npz' holds no answers about clips .*; delete it"):
        score(video_run, keep=tmp_path / "kept")


def test_a_sampler_of_other_frames_sees_them_around_the_same_middle(video_run, tmp_path):
    """The teacher's answers do not change where clips hold further frames for the sampler."""
    wide = save_sampler(tmp_path / "wide", video_run, frames=6, stride=3, size=16)
    scores = score(video_run, wide, split="val")
    alone = score(video_run, save_sampler(tmp_path / "same", video_run), split="val")
    np.testing.assert_array_equal(scores.teacher, alone.teacher)
    assert (scores.confidence != alone.confidence).all()


def test_what_a_clip_costs(video_run, tmp_path):
    sampler = save_sampler(tmp_path / "sampler", video_run, frames=6, stride=3, size=16)
    settings = saved_settings(video_run)
    assert min(scoring.seconds_per_clip(video_run, sampler, settings=settings)) > 0
    teacher, none = scoring.seconds_per_clip(video_run, settings=settings)
    assert teacher > 0 and none == 0


def test_what_does_not_fit_is_named(video_run, tmp_path):
    sparse = save_sampler(tmp_path / "sparse", video_run, sampler=as_json(Segments(4)))
    with pytest.raises(InputError, match="sparse: sees a frame of each of 4 segments; only single"):
        score(video_run, sparse)
    sparse = save_sampler(tmp_path / "alone", video_run, sampler=as_json(Segments(4)))
    with pytest.raises(InputError, match="alone: sees a frame of each of 4 segments; only single"):
        score(sparse)
    turned = save_sampler(tmp_path / "turned", video_run, class_names=("Right", "Left"))
    wanted = "turned: takes label 0 for Right, not Left as the data set has; give a network of"
    with pytest.raises(InputError, match=wanted):
        score(turned)
    with pytest.raises(InputError, match="turned: takes label 0 for Right"):
        score(video_run, turned)
