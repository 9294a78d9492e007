"""Trains, kills, resumes and evaluates a method with every feature, on one and two devices."""

import ast
import json
import os
import runpy
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from small_runs import build, learned
from squares import SMALL_RUN

from vidkd_jax import train
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints
from vidkd_jax.run import beginning
from vidkd_jax.run.tracking import read_records
from vidkd_jax.settings.config import config_type, set_field


@pytest.fixture(scope="module")
def flags(square_records, small_config, tmp_path_factory):
    """Trains a teacher, and returns the flags of a short run that it teaches."""
    teacher = tmp_path_factory.mktemp("teacher")
    wide = {"method__name": "supervised", "model__width": 1 / 16, "train__epochs": 1}
    train.train_and_evaluate(small_config(**wide), teacher)
    fields = {**SMALL_RUN, "data.root": square_records, "teachers.runs": (str(teacher),)}
    return [f"--config.{field}={value}" for field, value in fields.items()]


def command(workdir, flags):
    config = "--config=tests/methods/everything.py"
    return [sys.executable, "-m", "vidkd_jax.main", config, f"--workdir={workdir}", *flags]


def run(workdir, flags, devices=1):
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    done = subprocess.run(
        command(workdir, flags), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.fixture(scope="module")
def finished(flags, tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs") / "one", flags)


def test_it_trains_and_every_room_is_used(finished):
    summary = json.loads((finished / "summary.json").read_text())
    assert {"video_top1", "same_class", "probe_top1", "val_same_class"} <= set(summary)
    with np.load(finished / "features.npz") as arrays:
        assert arrays["features"].shape == (4, 16)  # of each test video, 512 / 32 wide
    records, logits = learned(finished)
    train_records = [record for record in records if record["split"] == "train"]
    terms = {"loss/cross_entropy", "loss/contrast", "loss/order", "loss/average", "seen"}
    assert all(terms <= set(record) for record in train_records)
    assert [record["seen"] for record in train_records] == [0.0, 0.5, *[1.0] * 4]
    assert train_records[0]["loss/average"] > 0  # the average answers from the first step on
    names = {name for record in records if record["split"] == "val" for name in record}
    assert {"frozen_agreement", "frozen_kl", "average_agreement", "same_class"} <= names
    # 4 videos of 24 frames, tuples of 2 clips that span 15: two tuples each, of 2 clips.
    assert logits.shape == (16, 2)


def test_its_memory_is_saved_and_a_saved_student_can_be_asked_for_its_heads(finished, flags):
    config = runpy.run_path("tests/methods/everything.py")["get_config"]()  # registers the method
    for flag in flags:
        field, _, value = flag.removeprefix("--config.").partition("=")
        is_text = config_type(config, field) is str
        set_field(config, field, value if is_text else ast.literal_eval(value))
    parts = build(config)
    with Checkpoints(finished) as checkpoints:
        state, _ = checkpoints.load_latest(parts.initial_state(), parts.train_batches.iterator)
    assert set(state.memory) == {"average", "queue", "counts"}
    assert state.memory["counts"].sum() == 6 * 4  # steps x rows of a batch
    first = parts.initial_state()
    assert (np.asarray(state.memory["queue"]) != np.asarray(first.memory["queue"])).all()
    card, variables = weights.load(finished)
    assert set(card.heads) == {"logits", "unit"}
    network = weights.network_of(card, heads=("unit",))
    found = network.apply(variables.as_dict(), np.zeros((2, 4, 24, 24, 3)), train=False)
    np.testing.assert_allclose(np.linalg.norm(found["unit"], axis=1), 1.0, rtol=1e-5)
    assert {"order.0", "order.2", "adapter features"} <= set(variables.params)
    deployed = {n: v for n, v in variables.params.items() if n in ("backbone", "logits", "unit")}
    count = sum(leaf.size for leaf in jax.tree.leaves(deployed))
    assert json.loads((finished / "summary.json").read_text())["num_params"] == count


def test_another_method_starts_from_its_backbone(finished, small_config, tmp_path, capsys):
    """After pretraining, fine-tuning leaves out heads that the new method does not have."""
    run = build(small_config(method__name="supervised", model__init_from=str(finished)))
    started = beginning.from_weights(run, run.initial_state()).variables.params
    _, saved = weights.load(finished)
    assert set(started) == {"backbone", "logits"}
    for name in started:
        jax.tree.map(np.testing.assert_array_equal, started[name], saved.params[name])
    assert "skipped 8: " in capsys.readouterr().err  # kernels and biases of order, unit, adapter


def test_killed_and_resumed_it_is_the_same_run(finished, flags, tmp_path):
    with subprocess.Popen(
        command(tmp_path, flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 300
        while not any(r["split"] == "val" for r in read_records(tmp_path / "metrics.jsonl")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (tmp_path / "summary.json").exists()
    (records, logits), (again, other) = learned(finished), learned(run(tmp_path, flags))
    assert records == again and np.array_equal(logits, other)


def test_two_devices_do_what_one_does_with_the_queue_split_over_them(finished, flags, tmp_path):
    two = run(tmp_path / "two", flags, devices=2)
    (records, logits), (others, found) = learned(finished), learned(two)
    for record, other in zip(records, others, strict=True):
        assert set(record) == set(other)
        if record["split"] == "train" and record["epoch"] == 1:
            for name in ("loss", "loss/contrast", "loss/average", "seen"):
                np.testing.assert_allclose(record[name], other[name], rtol=1e-3, err_msg=name)
    assert logits.shape == found.shape


def test_a_queue_that_devices_cannot_share_is_named(flags, tmp_path):
    odd = [*flags, "--config.method.queue=7"]
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "2"}
    done = subprocess.run(
        command(tmp_path, odd), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "memory 'queue' has 7 rows, which is not a multiple of the 2 devices" in done.stderr
