"""Any method of single clips may see one frame of each part of the video (`data.sampler`)."""

import json
import shutil

import numpy as np
import pytest
from small_runs import build

from vidkd_jax import predict, train
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import Predictions
from vidkd_jax.networks import weights
from vidkd_jax.run.inputs import student_sampler
from vidkd_jax.samplers import Contiguous, Segments, Tuples, as_json
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
    # Methods that draw segments themselves do so with either.
    dtg = {"method__name": "dtg", "teachers__runs": ("t",)}
    assert sampler(**dtg, **SPARSE) == sampler(**dtg) == Segments(4, sequences=2)
    with pytest.raises(InputError, match=r"'pcl' draws 3 .*; set data\.sampler='clip'"):
        sampler(**SPARSE, method__name="pcl")


def test_a_whole_run_of_teaching_yourself(sparse_run):
    card = weights.load_card(sparse_run)
    assert card.sampler == {
        "kind": "Segments", "segments": 4, "sequences": 1, "overlap": True, "images": False
    }  # fmt: skip
    with np.load(sparse_run / "features.npz") as kept:
        assert kept["features"].ndim == 2 and len(kept["features"]) == len(kept["labels"])


def test_new_videos_get_what_the_test_split_got(
    small_config, square_videos, tmp_path, capsys, monkeypatch
):
    files = {
        "data__source": "videos",
        "data__videos": str(square_videos / "videos"),
        "data__annotations": str(square_videos / "annotations"),
    }
    run = tmp_path / "run"
    train.train_and_evaluate(small_config(**SPARSE, **files, train__epochs=1), run)
    with np.load(run / "predictions.npz") as saved:
        names, numbers = np.unique(saved["videos"], return_inverse=True)
        wanted, _, _ = Predictions(saved["logits"], saved["labels"], numbers).by_video("softmax")
    videos = [str(next((square_videos / "videos").rglob(f"{name}.mp4"))) for name in names]
    predict.main([f"--run={run}", "--json", *videos])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [{e["name"]: e["probability"] for e in line["classes"]}["Left"] for line in lines]
    np.testing.assert_allclose(found, wanted[:, 0], atol=1e-5)
    # Each of its clips shows all of a video: none is at a time, and there is no end of them.
    for flag, message in (
        (f"--timeline={tmp_path / 'times.csv'}", "4 segments, so that its clips have no place in"),
        (f"--picture={tmp_path / 'clips.png'}", "4 segments, so that its clips have no place in"),
        ("--max_clips=0", "the longer a video is, the more such clips it has"),
        ("--selector=equidistant", "only single contiguous clips can be chosen .*--selector=dense"),
        ("--stop_at=0.9", "only single contiguous clips can be chosen one by one; leave it out"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            predict.main([f"--run={run}", flag, *videos])
        assert str(caught.value).startswith(flag.split("=")[0])


def test_a_student_that_is_to_choose_clips_needs_clips_of_a_part(small_config, tmp_path):
    train.train_and_evaluate(small_config(train__epochs=1, data__frames=1), tmp_path)
    condi = {"method__name": "confidence_distillation", "teachers__runs": (str(tmp_path),)}
    with pytest.raises(InputError, match=r"data\.sampler: 'segments', but the student is to choo"):
        build(small_config(**condi, **SPARSE))
    with pytest.raises(InputError, match=r"eval\.max_clips: 0, all clips, but the run sees a"):
        build(small_config(**SPARSE, eval__max_clips=0))


def test_a_network_of_single_frames_teaches_both_kinds_of_students(small_config, tmp_path):
    still = dict(train__epochs=1, data__frames=1)
    for number, own in enumerate(({}, SPARSE)):
        train.train_and_evaluate(small_config(**still, **own), tmp_path / str(number))
        taught = {
            "method__name": "distillation",
            "teachers__runs": (str(tmp_path / str(number)),),
        }
        for students in ({}, SPARSE):
            assert build(small_config(**taught, **students)).teachers.networks["frozen"]


def test_teachers_and_students_see_such_clips_both(sparse_run, small_config, tmp_path):
    taught = {"method__name": "distillation", "teachers__runs": (str(sparse_run),)}
    run = build(small_config(**taught, **SPARSE))
    (network,) = run.teachers.networks["frozen"]
    assert network.frames is None and run.spec.sampler == Segments(4)
    with pytest.raises(InputError, match="sees frames from all over a video, but method 'dist"):
        build(small_config(**taught))
    train.train_and_evaluate(small_config(train__epochs=1), tmp_path)
    _shows_tuples(shutil.copytree(tmp_path, tmp_path / "tuples"))
    with pytest.raises(InputError, match=r"data\.sampler: 'segments', but the teacher .* too"):
        runs = (str(tmp_path / "tuples"),)
        build(small_config(**{**taught, "teachers__runs": runs}, **SPARSE))
    with pytest.raises(InputError, match=r"data\.sampler: 'segments', but the teacher .* too"):
        build(small_config(**{**taught, "teachers__runs": (str(tmp_path),)}, **SPARSE))


def _shows_tuples(folder):
    """Makes of a run the one of a method that shows tuples of clips."""
    for name in ("summary.json", "config.json"):
        saved = json.loads((folder / name).read_text())
        saved["network"]["sampler"] = as_json(Tuples(4, 2, clips=3, interval=1))
        (folder / name).write_text(json.dumps(saved))
