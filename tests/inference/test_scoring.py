"""Scores of a pair of networks on a split: the teacher's are those of its own evaluation."""

import numpy as np
import pytest
from small_networks import save_sampler

from vidkd_jax.errors import InputError
from vidkd_jax.inference import scoring
from vidkd_jax.inference.study import Study
from vidkd_jax.samplers import Segments, as_json


def test_the_teachers_scores_are_those_of_its_evaluation(video_run, tmp_path):
    sampler = save_sampler(tmp_path / "sampler", video_run)
    scores = scoring.score(sampler, video_run)
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


def test_scores_are_computed_once_for_the_same_weights(video_run, tmp_path, monkeypatch):
    samplers = [
        save_sampler(tmp_path / f"sampler{seed}", video_run, classifier=False, seed=seed)
        for seed in (1, 2)
    ]
    kept = tmp_path / "scores.npz"
    first = scoring.cached(kept, samplers[0], video_run)
    assert first.sampler is None
    other = scoring.cached(kept, samplers[1], video_run)  # of other weights: computed anew
    assert (other.confidence != first.confidence).any()
    monkeypatch.setattr(scoring, "score", None)
    again = scoring.cached(kept, samplers[1], video_run)
    np.testing.assert_array_equal(again.confidence, other.confidence)


def test_a_sampler_of_other_frames_sees_them_around_the_same_middle(video_run, tmp_path):
    """The teacher's answers do not change where clips hold further frames for the sampler."""
    wide = save_sampler(tmp_path / "wide", video_run, frames=6, stride=3, size=16)
    scores = scoring.score(wide, video_run, split="val")
    alone = scoring.score(save_sampler(tmp_path / "same", video_run), video_run, split="val")
    np.testing.assert_array_equal(scores.teacher, alone.teacher)
    assert (scores.confidence != alone.confidence).all()


def test_what_does_not_fit_is_named(video_run, tmp_path):
    sparse = save_sampler(tmp_path / "sparse", video_run, sampler=as_json(Segments(4)))
    with pytest.raises(InputError, match="sparse: sees a frame of each of 4 segments; only single"):
        scoring.score(sparse, video_run)
    alone = save_sampler(tmp_path / "alone", video_run)
    (alone / "config.json").unlink()
    with pytest.raises(InputError, match="alone' holds no run, so it is not known which videos"):
        scoring.score(alone, video_run)
