"""Which run is started when, beside whom, and what a failure leaves."""

import contextlib
import sys

import pytest

from vidkd_jax.errors import RunError
from vidkd_jax.run.workdir import lock_of
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.tables import Row, load_table, runner
from vidkd_jax.tables.arms import Arm, arms

TEACHER = Row("t", "supervised_r50", seed_offset=7)
STUDENT = Row("student", "distillation_r18", {"teachers.runs": (TEACHER,)})


def test_a_run_that_another_table_is_at_is_waited_for(tmp_path, monkeypatch):
    tries = []

    def command(arm, out, extra):
        return [sys.executable, "-c", script]

    locked = tmp_path / "locked"
    locked.touch()
    script = (
        f"import pathlib, sys; p = pathlib.Path({str(locked)!r}); first = p.exists()\n"
        "p.unlink(missing_ok=True)\n"
        "bar = '\\rrun:  47%|####     | 7/9'\n"
        "print(bar + 'error: x: another run is writing there; choose another' + bar)\n"
        "sys.exit(2 if first else 0)"
    )
    monkeypatch.setattr(runner, "command", command)
    monkeypatch.setattr(runner.time, "sleep", tries.append)
    row = Row("a", "supervised_r18")
    runner.run_all([Arm(row, "marionette", 0)], tmp_path, jobs=1, extra=[], title="t")
    assert tries == [runner._WAIT]


def test_two_that_run_a_table_share_its_runs(tmp_path, monkeypatch):
    started = []
    rows = [Row("a", "supervised_r18"), Row("b", "ty_r18"), Row("c", "ty_r50")]
    wanted = [Arm(row, "marionette", 0) for row in rows]

    def command(arm, out, extra):
        started.append(arm.row.name)
        return [sys.executable, "-c", ""]

    monkeypatch.setattr(runner, "command", command)
    with contextlib.ExitStack() as other:
        other.enter_context(only_one(lock_of(wanted[0].folder(tmp_path))))
        monkeypatch.setattr(runner.time, "sleep", lambda seconds: other.close())
        runner.run_all(wanted, tmp_path, jobs=1, extra=[], title="t")
    assert started == ["b", "c", "a"]


def test_others_run_beside_a_teacher_that_a_student_waits_for(tmp_path, monkeypatch):
    signal = tmp_path / "signal"
    scripts = {
        "t": f"import os, time; t = time.time()\nwhile not os.path.exists({str(signal)!r}):\n"
        "    time.sleep(0.02); assert time.time() < t + 30, 'alone'",
        "student": "",
        "other": f"open({str(signal)!r}, 'w')",
    }

    def command(arm, out, extra):
        return [sys.executable, "-c", scripts[arm.row.name]]

    monkeypatch.setattr(runner, "command", command)
    wanted = [Arm(row, "marionette", 0) for row in (STUDENT, Row("other", "supervised_r18"))]
    runner.run_all(wanted, tmp_path, jobs=2, extra=[], title="t")


def test_a_failed_run_is_named_and_the_others_finish(tmp_path, monkeypatch):
    table = load_table("ty_table3")
    started = []

    def command(arm, out, extra):
        started.append(arm.row.name)
        code = "import sys; print('no records'); sys.exit(2)" if arm.row.name == "TY" else ""
        return [sys.executable, "-c", code]

    monkeypatch.setattr(runner, "command", command)
    wanted = [arm for row in table.rows for arm in arms(row, "marionette", 1)]
    with pytest.raises(
        RunError, match=r"1 of 7 runs failed; .*ty_r18/seed0/log\.txt' ends with: no rec"
    ):
        runner.run_all(wanted, tmp_path, jobs=2, extra=[], title="t")
    assert len(started) == 7


def test_a_student_whose_teacher_failed_is_not_run(tmp_path, monkeypatch):
    started = []

    def command(arm, out, extra):
        started.append(arm.row.name)
        return [sys.executable, "-c", "import sys; print('broken'); sys.exit(1)"]

    monkeypatch.setattr(runner, "command", command)
    with pytest.raises(RunError, match=r"2 of 2 runs failed; .*broken"):
        runner.run_all([Arm(STUDENT, "marionette", 0)], tmp_path, jobs=1, extra=[], title="t")
    assert started == ["t"]


@pytest.mark.parametrize(
    ("given", "slot", "cards"),
    [
        ("0,1,2,3", 1, "1,3"),
        ("0,1", 1, "1"),
        ("5", 1, "5"),  # shared
        ("", 1, ""),
        (None, 0, None),
    ],
)
def test_runs_at_a_time_share_out_the_gpus(given, slot, cards, monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    shared = runner.environment(slot, 2)
    assert shared.get("CUDA_VISIBLE_DEVICES") == cards
    assert shared["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    alone = runner.environment(0, 1)
    assert alone.get("CUDA_VISIBLE_DEVICES") == given
    assert "XLA_PYTHON_CLIENT_PREALLOCATE" not in alone
