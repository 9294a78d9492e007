"""Tables whose runs are real processes: killed and resumed, and pretrained before fine-tuning."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from record_files import build_squares
from squares import SMALL_RUN

from vidkd_jax.run.tracking import read_records
from vidkd_jax.run.workdir import lock_of
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.tables import Row, Table, runner
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms

ROW = "Student to Student (3D ResNet-18)"
RUNS = "runs/marionette_third"


def test_a_killed_table_goes_on_with_the_teacher_that_it_was_at(square_videos, tmp_path):
    values = {
        **SMALL_RUN,
        "train.epochs": 2,
        "data.root": build_squares(square_videos, tmp_path / "records", name="marionette"),
        "data.fraction": 1.0,
        "train.repeats": 1,
        "schedule.warmup_epochs": 0,
    }
    command = [
        sys.executable,
        "-m",
        "vidkd_jax.tables",
        "--table=ty_table5",
        f"--row={ROW}",
        f"--out={tmp_path / 'out'}",
        "--seeds=1",
        *(f"--config.{field}={value}" for field, value in values.items()),
    ]
    teacher = tmp_path / "out" / RUNS / "supervised_r18+augment.enabled=False/seed1000"

    def epochs():
        path = teacher / "metrics.jsonl"
        records = read_records(path) if path.exists() else []
        return [r["epoch"] for r in records if r["split"] == "val"]

    with subprocess.Popen(command, start_new_session=True) as first:
        deadline = time.monotonic() + 240
        while not epochs():
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
    assert not (teacher / "summary.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert epochs() == [1, 2]
    (student,) = (tmp_path / "out" / RUNS).glob("distillation_r18*/seed0")
    records = read_records(student / "metrics.jsonl")
    assert all(r["loss/kl"] > 0 for r in records if r["split"] == "train")


@pytest.fixture
def late(monkeypatch):
    """Another command takes the first run after the runner looked, until the runner waits."""
    with contextlib.ExitStack() as other:
        command = runner.command

        def take_first(arm, extra):
            monkeypatch.setattr(runner, "command", command)
            other.enter_context(only_one(lock_of(arm.folder)))
            return command(arm, extra)

        monkeypatch.setattr(runner, "command", take_first)
        monkeypatch.setattr(runner.time, "sleep", lambda _: other.close())
        yield


@pytest.mark.usefixtures("late")
def test_a_pretrained_network_is_fine_tuned_on_another_data_set(square_videos, tmp_path):
    """And its pretraining, which another command took for a moment, is waited for."""
    root = build_squares(square_videos, tmp_path / "records", name="kinetics400")
    build_squares(square_videos, root, name="ucf101")
    pretrained = Row("pretrained", "supervised_r18", dataset="kinetics400", seed_offset=7)
    tuned = Row("tuned", "supervised_r18", {"model.init_from": pretrained})
    table = Table("t", (tuned,), "tuned", {"marionette": {"": "ucf101"}})
    values = {**SMALL_RUN, "train.epochs": 1, "data.root": root}
    extra = [f"--config.{field}={value}" for field, value in values.items()]
    first = tmp_path / "runs/kinetics400/supervised_r18/seed7"
    runner.run_all(arms(tuned, "ucf101", 1, tmp_path), jobs=1, extra=extra, title="t")
    assert (first / "log.txt").read_text().count("another run is writing there") == 1
    (folder,) = (tmp_path / "runs/ucf101").glob("supervised_r18+model.init_from=*/seed0")
    config = json.loads((folder / "config.json").read_text())
    assert config["model"]["init_from"] == str(first)
    assert f"{first}: loaded" in (folder / "log.txt").read_text()
    text = tables.write_table(table, {"": "ucf101"}, [tmp_path], tmp_path / "t", 1)
    seconds = [
        json.loads((f / "summary.json").read_text())["train_seconds"] for f in (first, folder)
    ]
    assert f"| {sum(seconds) / 60:.1f} |" in text
