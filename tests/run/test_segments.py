"""Any method of single clips may see one frame of each part of the video (`data.sampler`)."""

import json

import numpy as np
import pytest
from small_runs import build

from vidkd_jax import train
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.run.inputs import student_sampler
from vidkd_jax.samplers import Contiguous, Segments
from vidkd_jax.settings.config import read

SPARSE = {"data__sampler": "segments"}


@pytest.fixture(scope="module")
def sparse_run(small_config, tmp_path_factory):
    """A finished run of Teaching Yourself on sparse clips, which keeps its features."""
    workdir = tmp_path_factory.mktemp("sparse")
    train.train_and_evaluate(small_config(**SPARSE, eval__keep_features=True), workdir)
    return workdir


def test_the_settings_decide_on_the_clips(small_config):
    def sampler(**options):
        return student_sampler(read(small_config(**options)))

    assert sampler() == Contiguous(4, 2)
    assert sampler(**SPARSE) == sampler(**SPARSE, data__stride=5) == Segments(4)
    assert sampler(method__name="dist_init", teachers__runs=("t",)) == Segments(4)
    with pytest.raises(InputError, match=r"data\.sampler: 'segments', but method 'pcl' draws 3"):
        sampler(**SPARSE, method__name="pcl")


def test_a_whole_run_of_teaching_yourself(sparse_run):
    card = weights.load_card(sparse_run)
    assert card.sampler == {
        "kind": "Segments", "segments": 4, "sequences": 1, "overlap": True, "images": False
    }  # fmt: skip
    summary = json.loads((sparse_run / "summary.json").read_text())
    assert 0 <= summary["video_top1"] <= 1
    with np.load(sparse_run / "features.npz") as kept:
        assert kept["features"].ndim == 2 and len(kept["features"]) == len(kept["labels"])


def test_teachers_and_students_see_such_clips_both(sparse_run, small_config, tmp_path):
    taught = {"method__name": "distillation", "teachers__runs": (str(sparse_run),)}
    run = build(small_config(**taught, **SPARSE))
    (network,) = run.teachers.networks["frozen"]
    assert network.frames is None and run.spec.sampler == Segments(4)
    with pytest.raises(InputError, match="sees frames from all over a video, but method 'dist"):
        build(small_config(**taught))
    train.train_and_evaluate(small_config(train__epochs=1), tmp_path)
    with pytest.raises(InputError, match=r"data\.sampler: 'segments', but the teacher .* too"):
        build(small_config(**{**taught, "teachers__runs": (str(tmp_path),)}, **SPARSE))
