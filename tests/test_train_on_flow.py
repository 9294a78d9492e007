"""Runs on the flow of Marionette, from rendered files to the report, and on RGB with flow."""

import json

import numpy as np
import pytest
import small_runs

from data_prep import build, flow
from data_prep.marionette.dataset import Job, write_dataset
from data_prep.marionette.presets import Preset
from vidkd_jax import train
from vidkd_jax.data.record_sets import may_be_same
from vidkd_jax.errors import InputError
from vidkd_jax.settings.config import get_base_config, read, set_field

SIDE = 24


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Records of a very small Marionette and of its flow."""
    root = tmp_path_factory.mktemp("marionette")
    write_dataset(Job(Preset("mini", groups=3, frames=(26, 28)), seed=5), root / "files", workers=1)
    build.main(
        [
            "--dataset=marionette",
            f"--videos={root / 'files/videos'}",
            f"--annotations={root / 'files/annotations'}",
            f"--out={root}",
            f"--short_side={SIDE}",
            "--workers=1",
        ]
    )
    flow.main([f"--data={root}", f"--out={root}", "--algorithm=dis", "--workers=1"])
    return root


@pytest.fixture(scope="module")
def config(root):
    def make(**overrides):
        config = get_base_config()
        values = {
            "data.root": str(root),
            "data.name": "marionette",
            "data.modality": "flow",
            "data.frames": 4,
            "data.short_side": SIDE,
            "data.crop": 16,
            "data.val": "test",
            "model.width": 1 / 32,
            "train.batch_size": 8,
            "train.epochs": 1,
            "eval.batch_size": 8,
            "eval.max_clips": 2,
        }
        overrides = {field.replace("__", "."): value for field, value in overrides.items()}
        for field, value in (values | overrides).items():
            set_field(config, field, value)
        return config

    return make


@pytest.fixture(scope="module")
def flow_run(config, tmp_path_factory):
    """A finished run of a network that sees flow."""
    workdir = tmp_path_factory.mktemp("flow")
    train.train_and_evaluate(config(), workdir)
    return workdir


def test_an_epoch_on_flow(flow_run):
    summary = json.loads((flow_run / "summary.json").read_text())
    assert summary["epochs"] == 1 and 0 <= summary["video_top1"] <= 1
    assert np.isfinite(summary["nll"])
    assert (flow_run / "report/index.html").exists()
    assert json.loads((flow_run / "config.json").read_text())["data"]["modality"] == "flow"


def test_what_the_network_gets_of_flow(config):
    run = small_runs.build(config())
    batch = next(run.train_batches)
    assert run.clip_shape == (4, 16, 16, 2) == batch["clip"].shape[2:]
    assert batch["clip"].dtype == np.uint8 and set(batch) == {"clip", "label", "video", "mask"}
    kernel = run.initial_state().variables.params["backbone"]["stem"]["kernel"]
    assert kernel.shape[-2] == 2
    # Most pixels do not move, or move by less than half a pixel.
    assert np.median(np.abs(batch["clip"].astype(int) - 128)) <= 2


def taught_by(flow_run):
    return {"method__name": "feature_matching", "teachers__runs": (str(flow_run),)}


def test_a_student_of_rgb_learns_from_a_teacher_of_flow(config, flow_run):
    taught = taught_by(flow_run)
    run = small_runs.build(config(data__modality="rgb_flow", **taught))
    assert run.clip_shape[-1] == 3
    state, batch = run.initial_state(), run.shard(next(run.train_batches))
    _, metrics = run.train_step(state, run.teachers.first, batch, run.key)
    assert float(metrics["loss/features"]) > 0
    with pytest.raises(InputError, match=r"sees flow; use 'rgb_flow'"):
        small_runs.build(config(data__modality="rgb", **taught))


def test_a_student_forks_from_rgb_alone_to_learn_from_a_teacher_of_flow(config, flow_run, tmp_path):
    """Both of them have read the same RGB records, and the teacher the same flow."""
    student = {"data__modality": "rgb", "train__epochs": 2}
    train.train_and_evaluate(config(**student, train__keep_epochs=(1,)), tmp_path / "trunk")
    fork = {"train__fork_from": str(tmp_path / "trunk"), "train__fork_epoch": 1}
    taught = {
        **student,
        **fork,
        "data__modality": "rgb_flow",
        "method__name": "distillation",
        "teachers__runs": (str(flow_run),),
    }
    train.train_and_evaluate(config(**taught), tmp_path / "fork")
    assert json.loads((tmp_path / "fork/summary.json").read_text())["epochs"] == 2


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("a-1", "a-1", True),
        ("a-1", "a-1 a-1-90", True),  # RGB, and RGB with flow of another JPEG quality
        ("a-1-90", "a-1 a-1-90", True),  # that flow alone, which a cross-fitted teacher may see
        ("a-1", "", True),
        ("a-1", "b-1 b-1", False),
        ("a-1", "a-2 a-2-90", False),
    ],
)
def test_which_records_may_be_the_same(ours, theirs, same):
    assert may_be_same(ours, theirs) == may_be_same(theirs, ours) == same


def test_flow_that_no_network_sees_is_refused(config):
    with pytest.raises(InputError, match=r"data\.modality: 'rgb_flow', but no teacher sees flow"):
        small_runs.build(config(data__modality="rgb_flow"))


def test_rgb_and_its_flow(config, flow_run):
    both = small_runs.build(config(data__modality="rgb_flow", **taught_by(flow_run)))
    rgb, only_flow = (small_runs.build(config(data__modality=m)) for m in ("rgb", "flow"))
    batch, clips, fields = (next(run.train_batches) for run in (both, rgb, only_flow))
    assert both.clip_shape == (4, 16, 16, 3)
    assert np.array_equal(batch["clip"], clips["clip"])
    assert np.array_equal(batch["flow"], fields["clip"])
    assert np.array_equal(batch["video"], fields["video"])


def test_flow_that_is_not_there_or_makes_no_sense(config, tmp_path):
    with pytest.raises(InputError, match=r"no records of 'marionette' .*make the records with"):
        small_runs.build(config(data__root=str(tmp_path)))
    with pytest.raises(InputError, match=r"config\.data\.modality: no 'flo'; did you mean 'flow'"):
        read(config(data__modality="flo"))
    with pytest.raises(InputError, match=r"'flow' needs data\.source='records'"):
        read(config(data__source="videos"))
    with pytest.raises(InputError, match=r"'rgb_flow' shows motion"):
        read(config(data__modality="rgb_flow", data__sampler="still"))
