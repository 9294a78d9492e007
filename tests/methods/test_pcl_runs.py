"""Whole runs of PCL: pretext task, banks, a teacher, fine-tuning; killed, and on two devices."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from small_runs import build
from squares import SMALL_RUN

from vidkd_jax import train
from vidkd_jax.data import Splits
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints, load_epoch
from vidkd_jax.report import closing_lines
from vidkd_jax.run import judging
from vidkd_jax.run.judging import Exam
from vidkd_jax.run.method_checks import check_lengths
from vidkd_jax.run.tracking import read_records
from vidkd_jax.samplers import Tuples

# Videos have 24 frames, a tuple 3 * 7 + 2 * 1 = 23.
PCL = {
    "method__name": "pcl",
    "method__interval": 1,
    "method__hidden": 8,
    "method__projection": 4,
    "model__residual": "circular",
    "augment__enabled": False,
}
BANKS = {**PCL, "method__contrast": "banks", "method__negatives": 6}


@pytest.fixture(scope="module")
def finished(small_config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("pcl")
    return workdir, train.train_and_evaluate(small_config(**BANKS), workdir)


def test_it_learns_without_labels_and_is_judged_by_its_own_task_and_by_its_features(finished):
    workdir, summary = finished
    assert {"pretext_top1", "pretext_nll", "probe_top1", "retrieval_top1"} <= set(summary)
    assert "video_top1" not in summary and summary["selected_on"] == "pretext_top1"
    with np.load(workdir / "pretext.npz") as arrays:
        confusion = arrays["confusion"]
    assert confusion.sum(axis=1).tolist() == [4] * 5  # 4 test videos, each after 5 transforms
    assert summary["pretext_top1"] == pytest.approx(np.trace(confusion) / 20)
    records = read_records(workdir / "metrics.jsonl")
    terms = {"loss", "loss/pretext", "loss/contrast", "pretext_top1"}
    assert all(terms <= set(r) for r in records if r["split"] == "train")
    evaluation = json.loads((workdir / "evaluation.json").read_text())
    assert evaluation["pretext"]["confusion"] == confusion.tolist()
    page = (workdir / "report" / "index.html").read_text()
    assert "pretext_confusion.png" in page and "pretext_accuracy.png" in page
    said = "\n".join(closing_lines(summary, workdir))
    assert "pretext task " in said and "model.init_from=" in said
    assert "by chance pretext task 20.0 %, linear probe, Video@1 50.0 %, retrieval@1 50.0 %" in said
    learnt = "\n".join(closing_lines({**summary, "pretext_top1": 0.6}, workdir))
    nothing = "\n".join(closing_lines({**summary, "pretext_top1": 0.21}, workdir))
    assert "note: Its own task is right for 21.0 % of the clips, by chance 20.0 %" in nothing
    assert "Its own task" not in learnt


def test_what_random_weights_tell_stands_beside_the_probe(finished, small_config):
    workdir, summary = finished
    run = build(small_config(**BANKS))
    test = Exam(run.eval_clips(run.splits.test), "test")
    names = ("linear_probe", "nearest_neighbours")
    found = judging.judge(run, run.initial_state().variables, test, names, {}).scores
    untrained = {name: value for name, value in summary.items() if name.startswith("untrained_")}
    assert untrained == {f"untrained_{name}": value for name, value in found.items()}
    assert judging.untrained(run, test, ("pretext",)) == {}
    figures = {"untrained_probe_top1": 0.4, "untrained_retrieval_top1": 0.3}
    said = "\n".join(closing_lines({**summary, **figures, "probe_top1": 0.44}, workdir))
    assert "of random weights: linear probe, Video@1 40.0 %, retrieval@1 30.0 %" in said
    assert "right for 44.0 % of the test videos, of random weights for 40.0 %" in said
    better = "\n".join(closing_lines({**summary, **figures, "probe_top1": 0.46}, workdir))
    older = {name: value for name, value in summary.items() if name not in untrained}
    assert "has learnt little" not in better + "\n".join(closing_lines(older, workdir))


def test_probe_and_neighbours_learn_from_training_videos_alone(finished, small_config, monkeypatch):
    workdir, summary = finished
    run, seen = build(small_config(**BANKS)), []
    collect = judging._collect

    def watched(run, predict, variables, exam):
        seen.append(exam)
        return collect(run, predict, variables, exam)

    monkeypatch.setattr(judging, "_collect", watched)
    with Checkpoints(workdir) as checkpoints:
        best = checkpoints.load_best(summary["best_epoch"], run.initial_state().variables)
    test = Exam(run.eval_clips(run.splits.test), "test")
    found = judging.judge(run, best, test, ("linear_probe", "nearest_neighbours"), {})
    asked, learnt = seen
    assert asked.clips.subset is run.splits.test and learnt.clips.subset is run.splits.train
    assert asked.clips.max_clips == learnt.clips.max_clips
    held_out = {v.group for part in (run.splits.test, run.splits.val) for v in part.videos}
    assert not held_out & {video.group for video in learnt.clips.subset.videos}
    assert len(found.arrays["linear_probe"]["videos"]) == len(run.splits.test.videos)


def test_stopped_and_resumed_it_has_the_same_banks(finished, small_config, tmp_path, monkeypatch):
    undisturbed, _ = finished
    config = small_config(**BANKS)
    epoch = train._train_epoch

    def stop(run, state, teachers, number, *rest):
        if number == 3:
            raise KeyboardInterrupt
        return epoch(run, state, teachers, number, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "_train_epoch", stop)
        train.train_and_evaluate(config, tmp_path)
    train.train_and_evaluate(config, tmp_path)
    (before, _), (after, _) = load_epoch(undisturbed, 3), load_epoch(tmp_path, 3)
    jax.tree.map(np.testing.assert_array_equal, before["memory"], after["memory"])
    first = build(config).initial_state().memory["first_bank"]
    moved = (np.asarray(before["memory"]["first_bank"]) != np.asarray(first)).any(axis=1)
    assert moved.sum() == 8 and len(moved) == 64  # 8 videos train


# Runs `vidkd_jax.main`, and says after each epoch how many rows of a bank each device holds.
WATCHED = """
import runpy
from vidkd_jax import train
def watched(*given, epoch=train._train_epoch):
    state = epoch(*given)
    rows = {name: [len(s.data) for s in bank.addressable_shards]
            for name, bank in state.memory.items() if bank.ndim}
    print("rows", rows)
    return state
train._train_epoch = watched
runpy.run_module("vidkd_jax.main", run_name="__main__")
"""


@pytest.mark.parametrize("split", [True, False])
def test_two_devices_have_the_banks_of_one(split, finished, square_records, tmp_path):
    """Whether each device has a part of the banks, or all of them."""
    workdir, _ = finished
    fields = {**SMALL_RUN, "data.root": square_records, "method.split_banks": split}
    fields |= {name.replace("__", "."): value for name, value in BANKS.items()}
    flags = [f"--config.{field}={value}" for field, value in fields.items()]
    command = [sys.executable, "-c", WATCHED, "--config=pcl_r3d", f"--workdir={tmp_path}"]
    done = subprocess.run(
        [*command, *flags, "--config.schedule.patience=10", "--config.data.stride=2"],
        env={**os.environ, "JAX_NUM_CPU_DEVICES": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    each = [32, 32] if split else [64, 64]
    said = [line for line in done.stdout.splitlines() if line.startswith("rows")]
    assert said == [f"rows {dict.fromkeys(('first_bank', 'last_bank'), each)}"] * 3
    (one, _), (two, _) = load_epoch(workdir, 3), load_epoch(tmp_path, 3)
    for name in ("first_bank", "last_bank"):
        np.testing.assert_allclose(one["memory"][name], two["memory"][name], atol=2e-3)


def test_with_a_remote_clip_as_the_fifth_transform(small_config, tmp_path):
    """Tuples of 15 frames leave room for it in the 24 of a video, of which two are tested."""
    remote = {"method__fifth": "remote", "method__remote_gap": 0, "method__interval": -3}
    train.train_and_evaluate(small_config(**{**PCL, **remote}, train__epochs=1), tmp_path)
    with np.load(tmp_path / "pretext.npz") as arrays:
        assert arrays["confusion"].sum(axis=1).tolist() == [2 * 4] * 5


def test_a_teacher_of_the_same_task_teaches(finished, small_config, tmp_path):
    teacher, _ = finished
    own = {**PCL, "method__name": "pcl_distillation", "teachers__runs": (str(teacher),)}
    wide = {"model__width": 1 / 16, "train__epochs": 1, "method__fifth": "repeat"}
    wide |= {"method__classified": "clip"}  # whatever the teacher tells it from
    summary = train.train_and_evaluate(small_config(**own, **wide), tmp_path)
    assert "pretext_top1" in summary
    records = read_records(tmp_path / "metrics.jsonl")
    assert all(r["loss/kl"] > 0 for r in records if r["split"] == "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method__fifth": "remote"}, r"config\.method\.fifth: 'remote', but the teacher"),
        ({"method__quadrants": "fixed"}, r"config\.method\.quadrants: 'fixed', but the teacher"),
        (
            {"method__distilled": "projection", "method__projection": 64},
            r"config\.method\.projection: 64, but the teacher's has 4 features; use 4",
        ),
        ({"method__tuple_length": 4, "data__stride": 1}, r"config\.method\.tuple_length: 4, but"),
        (
            {"data__stride": 1},
            r"config\.data\.frames, config\.data\.stride: \(4, 1\), but .* sees \(4, 2\)",
        ),
        ({"method__distilled": "projection", "data__stride": 1}, r"config\.data\.frames"),
    ],
)
def test_a_teacher_of_another_task_is_refused(finished, small_config, changes, message):
    teacher, _ = finished
    own = {**PCL, "method__name": "pcl_distillation", "teachers__runs": (str(teacher),)}
    with pytest.raises(InputError, match=message):
        build(small_config(**{**own, **changes}))


def test_a_teacher_without_the_output_is_refused(video_run, small_config):
    own = {**PCL, "method__name": "pcl_distillation", "teachers__runs": (str(video_run),)}
    with pytest.raises(InputError, match=r"config\.teachers\.runs: '.*' has no output 'pretext'"):
        build(small_config(**own, data__name="ucf101"))


def test_fine_tuning_starts_from_its_backbone_and_needs_its_input(finished, small_config, tmp_path):
    pretrained, _ = finished
    own = {"method__name": "supervised", "model__init_from": str(pretrained)}
    with pytest.raises(InputError, match=r"holds weights of residual=circular"):
        build(small_config(**own))
    run = build(small_config(**own, model__residual="circular"))
    card = weights.load_card(pretrained)
    assert card.normalisation.residual == "circular" and not card.has_classifier
    assert set(card.heads) == {"pretext", "projection"}
    own = {**own, "model__residual": "circular", "train__epochs": 1}
    summary = train.train_and_evaluate(small_config(**own), tmp_path)
    assert summary["num_classes"] == 2 and "video_top1" in summary
    assert run.clip_shape == (4, 24, 24, 3)


def test_videos_too_short_for_a_tuple_are_counted_or_refused(small_config, capsys):
    with pytest.raises(InputError, match=r"8 of 8 training videos are shorter than 3 clips of 4"):
        build(small_config(**{**PCL, "method__interval": 2}))
    build(small_config(**PCL))
    assert "shorter" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["training", "validation", "test"])
def test_few_videos_too_short_for_a_tuple_are_counted(name, memory_subset, capsys):
    tuples = Tuples(4, 2, 3, 4)  # of 29 frames

    def check(lengths):
        enough = {key: memory_subset([30] * 4) for key in ("training", "validation", "test")}
        train, val, test = {**enough, name: memory_subset(lengths)}.values()
        check_lengths(Splits(train, val, test, ("a", "b"), {}), tuples)
        return capsys.readouterr().err

    assert check([29] * 4) == ""
    said = check([30, 25, 28, 30])  # half of them, which is the most
    assert said.startswith(f"2 of 4 {name} videos are shorter than 3 clips of 4") and "29 f" in said
    assert said.endswith("frames; the shortest has 25. Frames of theirs are repeated.\n")
    with pytest.raises(InputError, match=rf"data\.frames: 3 of 5 {name} videos are shorter than"):
        check([30, 25, 28, 30, 28])
