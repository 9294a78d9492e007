"""The same run on one device, and on two processes with two devices each."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from record_files import build_squares
from squares import SMALL_RUN

from vidkd_jax.run.tracking import read_records
from vidkd_jax.run.workdir import lock_of
from vidkd_jax.runtime.lock import only_one

CLUSTER = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def launch(workdir, fields, *cluster, devices):
    """Starts `main`; `cluster` is coordinator address, number of processes, and process number."""
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    environment |= {name: str(value) for name, value in zip(CLUSTER, cluster, strict=False)}
    fields = {"distributed": bool(cluster), **fields}
    flags = [f"--config.{field}={value}" for field, value in fields.items()]
    command = [sys.executable, "-m", "vidkd_jax.main", "--config=configs/ty_r18.py"]
    return subprocess.Popen(
        [*command, f"--workdir={workdir}", *flags],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def finish(*processes):
    for process in processes:
        with process:
            errors = process.stderr.read()
            assert process.wait(timeout=300) == 0, errors


def fail(*processes):
    """Checks that all processes fail with status 2, and returns their messages."""
    said = []
    for process in processes:
        with process:
            said.append(process.stderr.read())
            assert process.wait(timeout=120) == 2
    return said


@pytest.fixture(scope="module")
def fields(square_records):
    # No augmentation, because its draws depend on which process reads which row of a batch.
    return {
        **SMALL_RUN,
        "method.name": "teaching_yourself",
        "data.root": str(square_records),
        "augment.enabled": False,
        "train.epochs": 2,
    }


def results(workdir):
    records = read_records(workdir / "metrics.jsonl")
    with np.load(workdir / "predictions.npz") as arrays:
        return [r["loss"] for r in records if r["split"] == "train"], dict(arrays)


def coordinator():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def pair(workdir, *fields, devices):
    """Starts two processes, with the same fields or with one set of fields for each."""
    address = coordinator()
    return [
        launch(workdir, fields[i % len(fields)], address, 2, i, devices=devices) for i in range(2)
    ]


def test_devices_and_processes_do_not_change_a_run(fields, tmp_path):
    finish(launch(tmp_path / "one", fields, devices=1))
    finish(*pair(tmp_path / "two", fields, devices=2))
    (losses, arrays), (other_losses, other_arrays) = (
        results(tmp_path / name) for name in ("one", "two")
    )
    np.testing.assert_allclose(other_losses, losses, rtol=1e-3)
    assert other_arrays["labels"].shape == arrays["labels"].shape  # every clip, once
    assert sorted(other_arrays["videos"]) == sorted(arrays["videos"])
    order, other_order = (
        np.lexsort((a["logits"][:, 0], a["videos"])) for a in (arrays, other_arrays)
    )
    np.testing.assert_allclose(
        other_arrays["logits"][other_order], arrays["logits"][order], atol=5e-3
    )

    # A run whose processes were killed is resumed and ends with the same bits.
    started = pair(tmp_path / "killed", fields, devices=2)
    wait_for(tmp_path / "killed/checkpoints/latest/1", started)
    for process in started:
        process.kill()
        process.communicate()
    assert not (tmp_path / "killed/summary.json").exists()
    finish(*pair(tmp_path / "killed", fields, devices=2))
    again_losses, again = results(tmp_path / "killed")
    assert again_losses == other_losses
    assert all(np.array_equal(again[name], other_arrays[name]) for name in again)


def wait_for(path, processes):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def test_what_one_process_finds_wrong_stops_all(fields, tmp_path):
    with only_one(lock_of(tmp_path)):
        said = fail(*pair(tmp_path, fields, devices=1))
    assert all("another run is writing there" in each for each in said)


@pytest.fixture(scope="module")
def start(fields, tmp_path_factory):
    """A finished run, to start from."""
    folder = tmp_path_factory.mktemp("start") / "run"
    finish(launch(folder, {**fields, "train.epochs": 1}, devices=1))
    return folder


def test_hosts_may_keep_the_weights_to_start_from_in_other_folders(fields, start, tmp_path):
    """A run goes on, and is found finished, though its folder names those of the first host."""
    hosts = [start, shutil.copytree(start, tmp_path / "copy")]
    for epochs in (1, 2, 2):
        own = [{**fields, "model.init_from": host, "train.epochs": epochs} for host in hosts]
        finish(*pair(tmp_path / "run", *own, devices=1))
    assert {record["epoch"] for record in read_records(tmp_path / "run/metrics.jsonl")} == {1, 2}


def test_hosts_that_start_from_other_weights_or_none_stop(fields, start, tmp_path):
    launched = launch(tmp_path / "other", {**fields, "train.epochs": 1, "seed": 5}, devices=1)
    finish(launched)
    for field, flag, others in (
        ("model.init_from", str, {"other": "the weights: not the same in all processes; give all"}),
        (
            "teachers.runs",
            lambda folder: f"('{folder}',)",
            {"other": "the weights: not the same in all processes", "none": "none' is no folder"},
        ),
    ):
        method = {"method.name": "distillation"} if field == "teachers.runs" else {}
        for name, message in others.items():
            good = {**fields, **method, field: flag(start)}
            said = fail(
                *pair(tmp_path / "run", good, {**good, field: flag(tmp_path / name)}, devices=1)
            )
            assert all(message in each and each.count("error: ") == 1 for each in said), said


def test_processes_that_see_other_videos_stop(fields, square_videos, tmp_path):
    """The same settings, but each host its own folder."""
    (tmp_path / "videos").symlink_to(square_videos / "videos")
    lists = shutil.copytree(square_videos / "annotations", tmp_path / "annotations")
    trained = (lists / "trainlist01.txt").read_text().splitlines()
    (lists / "trainlist01.txt").write_text("\n".join(trained[:-1]) + "\n")
    other = {**fields, "data.root": str(build_squares(tmp_path, tmp_path / "records"))}
    said = fail(*pair(tmp_path / "run", fields, other, devices=1))
    assert all("the videos: not the same in all processes" in each for each in said)


@pytest.mark.parametrize(
    ("field", "value"), [("optim.learning_rate", 0.5), ("method.name", "supervised")]
)
def test_processes_with_other_settings_stop(field, value, fields, tmp_path):
    said = fail(*pair(tmp_path, fields, {**fields, field: value}, devices=1))
    wanted = f"error: config.{field}: not the same in all processes; start all with the same flags"
    assert all(wanted in each for each in said)


def test_a_process_that_is_told_to_end_ends(fields, tmp_path):
    started = pair(tmp_path, {**fields, "train.epochs": 500}, devices=1)
    wait_for(tmp_path / "checkpoints/latest/1", started)
    for process in started:
        process.terminate()
    for process in started:
        assert "interrupted" in process.communicate(timeout=60)[1]
        assert process.returncode == 128 + signal.SIGTERM


def test_what_all_find_wrong_ends_all_in_order(fields, tmp_path):
    said = fail(*pair(tmp_path, {**fields, "train.batch_size": 3}, devices=1))
    assert all("train.batch_size" in each and each.count("error: ") == 1 for each in said)


_ONE_FAILS = """
import jax
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime import sharding

def main():
    sharding.initialize()
    if jax.process_index() == 1:
        raise InputError("wrong here alone")
    sharding.wait_for_all("the other, who does not come")

run_command(main, leave=sharding.leave)
"""


def start_both(script):
    """Starts two processes that run a script, and returns them."""
    address, started = coordinator(), []
    for number in range(2):
        environment = dict(zip(CLUSTER, (address, "2", str(number)), strict=True))
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script],
                stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
            )
        )  # fmt: skip
    return started


def test_a_process_that_fails_alone_does_not_wait_for_the_others():
    waiting, failing = start_both(_ONE_FAILS)
    said = failing.communicate(timeout=200)[1]  # JAX would wait for 300 seconds
    assert failing.returncode == 2 and "error: wrong here alone\n" in said
    waiting.kill()
    waiting.communicate()


_ONE_IS_KILLED = """
import os, signal
import jax
from pathlib import Path
from vidkd_jax import main
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime import sharding
from vidkd_jax.settings.config import get_base_config

def train(*_, **__):
    sharding.initialize()
    sharding.wait_for_all("both")
    if jax.process_index() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    sharding.wait_for_all("the other, who does not come")

main.train_and_evaluate = train
config = get_base_config()
config.distributed = True
run_command(lambda: main._run(config, Path("none"), finish=False), leave=sharding.leave)
"""


def test_a_process_that_is_killed_does_not_keep_the_others():
    left, killed = start_both(_ONE_IS_KILLED)
    killed.communicate(timeout=200)
    said = left.communicate(timeout=60)[1]  # JAX would wait for 100 seconds
    assert killed.returncode == -signal.SIGKILL
    assert left.returncode == 1 and "another process of the run has ended: see what" in said


def test_processes_that_nobody_started_are_one_line(fields, tmp_path):
    alone = launch(tmp_path, {**fields, "distributed": True}, devices=1)
    (said,) = fail(alone)
    assert said.startswith("error: config.distributed: the processes cannot be connected")
    assert said.count("\n") == 1 and "JAX_COORDINATOR_ADDRESS" in said
