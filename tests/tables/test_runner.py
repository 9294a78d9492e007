"""The order of runs, parallel runs on several GPUs, and runs that fail."""

import contextlib
import json
import os
import re
import sys
import threading
import time

import pytest
from tqdm import tqdm

from vidkd_jax.errors import RunError
from vidkd_jax.run.workdir import lock_of
from vidkd_jax.runtime.interrupts import Stopped
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.tables import Row, load_table, runner
from vidkd_jax.tables.arms import arms, row_arm
from vidkd_jax.tables.under_way import under_way

TEACHER = Row("t", "supervised_r50", seed_offset=7)
STUDENT = Row("student", "distillation_r18", {"teachers.runs": (TEACHER,)})


def arm_in(out):
    return row_arm(Row("a", "supervised_r18"), "marionette", 0, out)


BUSY = "print('error: x: another run is writing there; choose another'); "


@pytest.fixture
def run_one(tmp_path, monkeypatch):
    """Runs an arm by scripts, one each try; another command takes it after the runner looked."""

    def run(*scripts, taken):
        left, waits = list(scripts), []

        def command(arm, extra):
            if taken and len(left) == len(scripts):
                other.enter_context(only_one(lock_of(arm.folder)))
            return [sys.executable, "-c", left.pop(0)]

        def sleep(seconds):
            waits.append(seconds)
            other.close()

        monkeypatch.setattr(runner, "command", command)
        monkeypatch.setattr(runner.time, "sleep", sleep)
        with contextlib.ExitStack() as other:
            runner.run_all([arm_in(tmp_path)], jobs=1, extra=[], title="t")
        assert not left
        return waits

    return run


def test_a_run_that_another_command_has_taken_is_waited_for(run_one):
    assert run_one("import sys; sys.exit(2)", "", taken=True) == [runner._WAIT]


def test_a_run_that_another_command_has_finished_is_asked_again(run_one, tmp_path):
    summary = str(arm_in(tmp_path).folder / "summary.json")
    script = f"import sys; open({summary!r}, 'w'); sys.exit(2)"
    assert run_one(script, "", taken=False) == []


_UNTIL = "import os, time\nwhile not os.path.exists({!r}): time.sleep(0.02)\n"


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What the bar shows, each time that it is drawn; the words after "seed 0: " make a file."""
    texts = []

    class Bar(tqdm):
        def display(self, *args, **kwargs):
            texts.append(str(self))
            for words in re.findall(r"seed 0: (.*)\]", texts[-1]):
                (tmp_path / words).touch()

    monkeypatch.setattr(runner, "progress_bar", lambda **options: Bar(ncols=200, **options))
    monkeypatch.setattr(runner, "_WAIT", 0.1)
    return texts


def begin(folder, epoch, *, epochs=9, fork_epoch=0):
    """Writes what a run writes that has got so far."""
    folder.mkdir(parents=True, exist_ok=True)
    train = {"epochs": epochs, "fork_epoch": fork_epoch}
    (folder / "config.json").write_text(json.dumps({"train": train}))
    record = {"step": 1, "epoch": epoch, "split": "train"}
    (folder / "metrics.jsonl").write_text(json.dumps(record) + "\n")


def test_the_time_left_is_known_before_the_first_run_has_ended(run_one, shown, tmp_path):
    begin(tmp_path, 4)
    folder = str(arm_in(tmp_path).folder)
    script = f"import shutil; f = {folder!r}; d = {str(tmp_path)!r}; "
    script += "[shutil.copy(d + n, f + n) for n in ('/config.json', '/metrics.jsonl')]\n"
    until = [_UNTIL.format(str(tmp_path / words)) for words in ("begins", "epoch 4 of 9")]
    run_one(until[0] + script + until[1], taken=False)
    assert shown[0].endswith("0.0/1 runs [00:00<?]")
    assert any(text.endswith("<?, a, seed 0: begins]") for text in shown)
    assert any(
        re.search(r"40%.* 0\.4/1 runs .*<\d\d:\d\d, a, seed 0: epoch 4 of 9\]", t) for t in shown
    )
    assert "1.0/1 runs" in shown[-1]


def test_what_an_earlier_command_has_done_does_not_count_as_this_ones_speed(
    run_one, shown, tmp_path
):
    begin(arm_in(tmp_path).folder, 4)
    run_one(_UNTIL.format(str(tmp_path / "epoch 4 of 9")), taken=False)
    assert shown[0].endswith("0.4/1 runs [00:00<?]")
    assert any("0.4/1 runs [00:00<?, a, seed 0: epoch 4 of 9]" in text for text in shown)


def test_a_fork_has_not_done_what_its_trunk_has(tmp_path):
    begin(tmp_path, 7, fork_epoch=5)
    assert under_way(tmp_path).part == 2 / 5
    begin(tmp_path, 5, fork_epoch=5)
    assert under_way(tmp_path).part == 0
    assert str(under_way(tmp_path)) == "epoch 5 of 9"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"train": {"epochs": 9}}'])
def test_of_a_run_that_says_nothing_nothing_is_done(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    assert under_way(tmp_path).part == 0
    assert str(under_way(tmp_path)) == "begins"
    assert under_way(tmp_path / "none") == under_way(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("script", "taken", "was_finished"),
    [
        (f"import sys; {BUSY} sys.exit(2)", False, False),
        (f"import sys; {BUSY} sys.exit(2)", False, True),  # of another config
        (f"import sys; {BUSY} sys.exit(1)", True, False),
    ],
)
def test_a_failure_is_none_of_another_command_whatever_it_says(
    script, taken, was_finished, run_one, tmp_path
):
    folder = arm_in(tmp_path).folder
    if was_finished:
        folder.mkdir(parents=True)
        (folder / "summary.json").touch()
    with pytest.raises(RunError, match=r"1 of 1 runs failed; .*another run is writing there"):
        run_one(script, taken=taken)


def test_a_run_that_was_about_to_start_is_not_when_all_are_stopped(tmp_path, monkeypatch):
    """The signal comes after the pool has been given the run, and before its process begins."""
    start, told = runner._Processes.start, threading.Event()

    def late(self, arguments, **how):
        assert told.wait(timeout=60)
        return start(self, arguments, **how)

    def stopped(*_):
        told_later = threading.Timer(0.5, told.set)
        told_later.start()
        raise Stopped

    script = f"open({str(tmp_path / 'begun')!r}, 'w')"
    monkeypatch.setattr(runner, "command", lambda *_: [sys.executable, "-c", script])
    monkeypatch.setattr(runner._Processes, "start", late)
    monkeypatch.setattr(runner, "wait", stopped)
    with pytest.raises(Stopped):
        runner.run_all([arm_in(tmp_path)], jobs=1, extra=[], title="t")
    assert told.is_set() and not (tmp_path / "begun").exists()


def test_the_error_of_a_run_is_found_between_progress_bars(run_one):
    bar = r"\rrun:  47%|####     | 7/9"
    script = f"import sys; print('{bar}error: x: no such field{bar}'); sys.exit(2)"
    with pytest.raises(RunError, match=r"ends with: error: x: no such field"):
        run_one(script, taken=False)


def test_two_that_run_a_table_share_its_runs(tmp_path, monkeypatch):
    started = []
    rows = [Row("a", "supervised_r18"), Row("b", "ty_r18"), Row("c", "ty_r50")]
    wanted = [row_arm(row, "marionette", 0, tmp_path) for row in rows]

    def command(arm, extra):
        started.append(arm.row.name)
        return [sys.executable, "-c", ""]

    monkeypatch.setattr(runner, "command", command)
    with contextlib.ExitStack() as other:
        other.enter_context(only_one(lock_of(wanted[0].folder)))
        monkeypatch.setattr(runner.time, "sleep", lambda seconds: other.close())
        runner.run_all(wanted, jobs=1, extra=[], title="t")
    assert started == ["b", "c", "a"]


def test_others_run_beside_a_teacher_that_a_student_waits_for(tmp_path, monkeypatch):
    signal = tmp_path / "signal"
    scripts = {
        "t": f"import os, time; t = time.time()\nwhile not os.path.exists({str(signal)!r}):\n"
        "    time.sleep(0.02); assert time.time() < t + 30, 'alone'",
        "student": "",
        "other": f"open({str(signal)!r}, 'w')",
    }

    def command(arm, extra):
        return [sys.executable, "-c", scripts[arm.row.name]]

    monkeypatch.setattr(runner, "command", command)
    wanted = [
        row_arm(row, "marionette", 0, tmp_path) for row in (STUDENT, Row("other", "supervised_r18"))
    ]
    runner.run_all(wanted, jobs=2, extra=[], title="t")


def test_a_failed_run_is_named_and_the_others_finish(tmp_path, monkeypatch):
    table = load_table("ty_table3")
    started = []

    def command(arm, extra):
        started.append(arm.row.name)
        code = "import sys; print('no records'); sys.exit(2)" if arm.row.name == "TY" else ""
        return [sys.executable, "-c", code]

    monkeypatch.setattr(runner, "command", command)
    wanted = [arm for row in table.rows for arm in arms(row, "marionette", 1, tmp_path)]
    with pytest.raises(
        RunError, match=r"1 of 7 runs failed; .*ty_r18/seed0/log\.txt' ends with: no rec"
    ):
        runner.run_all(wanted, jobs=2, extra=[], title="t")
    assert len(started) == 7


def test_a_student_whose_teacher_failed_is_not_run(tmp_path, monkeypatch):
    started = []

    def command(arm, extra):
        started.append(arm.row.name)
        return [sys.executable, "-c", "import sys; print('broken'); sys.exit(1)"]

    monkeypatch.setattr(runner, "command", command)
    with pytest.raises(RunError, match=r"2 of 2 runs failed; .*broken"):
        runner.run_all([row_arm(STUDENT, "marionette", 0, tmp_path)], jobs=1, extra=[], title="t")
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


@pytest.mark.parametrize("interrupt", [Stopped, KeyboardInterrupt])
def test_a_table_that_is_told_to_end_ends_its_runs(interrupt, tmp_path, monkeypatch):
    """Ctrl-C may have reached the table alone."""
    monkeypatch.setattr(runner, "_CTRL_C", 0.5)
    pid = tmp_path / "pid"
    script = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(120)"
    monkeypatch.setattr(runner, "command", lambda *_: [sys.executable, "-c", script])
    wanted = [row_arm(Row("a", "supervised_r18"), "marionette", 0, tmp_path)]
    done = runner.wait

    def stop(*arguments):  # as the handler of SIGTERM does in the middle of waiting
        if pid.exists() and pid.read_text():
            raise interrupt
        return done(arguments[0], 0.05, *arguments[2:])

    monkeypatch.setattr(runner, "wait", stop)
    begin = time.monotonic()
    with pytest.raises(interrupt):
        runner.run_all(wanted, jobs=1, extra=[], title="t")
    assert time.monotonic() < begin + 90  # the run would have gone on
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
