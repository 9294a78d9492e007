"""A build that was killed or ran out of disk, and was run again, makes the same records."""

import csv
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import Future
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from data_prep import build, conversion, staging
from data_prep.pool import run_tasks
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.video import write_video

REPO = Path(__file__).parents[2]
NUM_VIDEOS = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Videos of noise, which compress badly and so are large, and a list of them."""
    root = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(NUM_VIDEOS):
        frames = rng.integers(0, 256, (20 + i, 96, 128, 3), np.uint8)
        write_video(root / f"{i}.avi", frames, 25, codec="mpeg4")
        rows.append([f"{i}.avi", "ab"[i % 2], "train" if i < 4 else "test"])
    with (root / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def arguments(source, out, **options):
    options = dict(dataset="csv", annotations=source / "list.csv", videos=source, out=out) | options
    return [f"--{name}={value}" for name, value in options.items()]


def content(out):
    folder = out / "csv/split1/1.0.0"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    build.main(arguments(source, out, workers=1))
    return content(out)


def start(source, out, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "data_prep.build", *arguments(source, out, **options)],
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def is_running(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_number_of_workers_changes_nothing(source, undisturbed, tmp_path):
    process = start(source, tmp_path / "out", workers=2)
    assert process.wait(120) == 0, process.stderr.read()
    assert content(tmp_path / "out") == undisturbed


def test_killed_while_converting(source, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    staged = out / "csv/split1/.staging/videos"
    process = start(source, out, workers=2)
    wait_for(lambda: list(staged.glob("*.frames")))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert len(children) >= 2  # the workers, which must not outlive their parent
    wait_for(lambda: not any(is_running(child) for child in children))
    before = set(staged.glob("*.frames"))
    assert 0 < len(before) <= NUM_VIDEOS
    assert not (out / "csv/split1/1.0.0").exists()
    convert, converted = staging._convert, set()
    monkeypatch.setattr(
        staging, "_convert", lambda task, *rest: converted.add(task.target) or convert(task, *rest)
    )
    build.main(arguments(source, out, workers=1))
    assert before.isdisjoint(converted) and len(before | converted) == NUM_VIDEOS
    assert content(out) == undisturbed


def test_staged_videos_are_not_converted_again(source, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    convert = staging._convert
    done = []

    def interrupted(task, fingerprint):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.source.name)
        return convert(task, fingerprint)

    monkeypatch.setattr(staging, "_convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.main(arguments(source, out, workers=1))
    assert done == ["0.avi", "1.avi", "2.avi"]

    def counted(task, fingerprint):
        done.append(task.source.name)
        return convert(task, fingerprint)

    monkeypatch.setattr(staging, "_convert", counted)
    build.main(arguments(source, out, workers=1))
    assert done == [f"{i}.avi" for i in range(NUM_VIDEOS)]
    assert content(out) == undisturbed


@pytest.mark.parametrize("moment", ["mkdir", "records", "index", "rename", "rmtree"])
def test_killed_while_writing_records(source, undisturbed, tmp_path, moment):
    """Kills the build, in a process of its own, at each step after the conversion."""
    out = tmp_path / "out"
    script = f"""
import os, signal, sys
from data_prep import build, builder, conversion
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if {moment!r} == "mkdir":
    builder.VideoRecords.__init__ = die
elif {moment!r} == "records":  # in the middle of the second record
    plain, calls = builder._Example.__getitem__, []
    def getitem(self, name):
        calls.append(name)
        return plain(self, name) if len(calls) < 12 else die()
    builder._Example.__getitem__ = getitem
elif {moment!r} == "index":
    conversion.write_index = die
elif {moment!r} == "rename":
    conversion.Path.rename = die
else:
    plain = conversion.shutil.rmtree
    conversion.shutil.rmtree = lambda path, **kw: plain(path, **kw) if kw else die()
build.main(sys.argv[1:])
"""
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments(source, out, workers=1)],
        cwd=REPO,
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (out / "csv/split1/1.0.0").exists() == (moment == "rmtree")
    build.main(arguments(source, out, workers=1))
    assert content(out) == undisturbed
    assert not (out / "csv/split1/.staging").exists()


def test_two_builds_of_the_same_records(source, tmp_path):
    with (
        only_one(tmp_path / "out/csv/split1/.lock"),
        pytest.raises(InputError, match="another run is writing there"),
    ):
        build.main(arguments(source, tmp_path / "out", workers=1))


def test_trouble_that_is_not_the_users_keeps_its_traceback(source, tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(conversion, "write_index", failing)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        build.main(arguments(source, tmp_path / "out", workers=1))


def test_full_disk(source, undisturbed, small_disk, monkeypatch):
    disk, resize = small_disk
    out = disk / "out"
    # At 1 MiB the conversion stops, at 5 MiB the records do not fit beside the staged videos.
    for megabytes in (1, 5):
        resize(megabytes)
        with pytest.raises(InputError, match=rf"--out={out}: .*; free some space") as caught:
            build.main(arguments(source, out, workers=1))
        assert "\n" not in str(caught.value)
        assert not (out / "csv/split1/1.0.0").exists()
    staged = list((out / "csv/split1/.staging/videos").iterdir())
    assert len(staged) == NUM_VIDEOS
    resize(50)
    monkeypatch.setattr(staging, "_convert", None)  # everything is staged: nothing is converted
    build.main(arguments(source, out, workers=1))
    assert content(out) == undisturbed


def test_disk_that_fills_up_while_records_are_written(source, undisturbed, small_disk, monkeypatch):
    disk, resize = small_disk
    out = disk / "out"
    resize(5)

    class Plenty:
        free = 2**40

    with monkeypatch.context() as patch:
        patch.setattr(conversion.shutil, "disk_usage", lambda _: Plenty)
        with pytest.raises(InputError, match="No space left on device; free some space"):
            build.main(arguments(source, out, workers=1))
    assert not (out / "csv/split1/1.0.0").exists()
    resize(50)
    build.main(arguments(source, out, workers=1))
    assert content(out) == undisturbed


def test_full_disk_in_a_worker(source, small_disk):
    disk, _ = small_disk
    process = start(source, disk / "out", workers=2)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert os.strerror(errno.ENOSPC) in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors


def die_at_two(task):
    if task == 2:
        time.sleep(0.5)  # the results before it have come
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def work(task):
    if task:
        time.sleep(60)
    return task


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("end", [interrupt, Generator.close])
def test_workers_that_nobody_waits_for_any_more_end_at_once(end, monkeypatch):
    """An interrupt comes while a result is awaited, or to whoever takes the results."""
    others, results = {*active_children()}, run_tasks(work, range(9), 2)
    assert next(results) == 0
    begin, workers = time.monotonic(), {*active_children()} - others
    if end is interrupt:
        monkeypatch.setattr(Future, "result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(results)
    else:
        results.close()
    assert time.monotonic() < begin + 30
    assert len(workers) == 2 and not any(worker.is_alive() for worker in workers)


def square(task):
    return task * task


def test_a_killed_worker_is_reported():
    """It works on that video or on one of the next; none before it can be at fault."""
    with pytest.raises(InputError, match=r"at '2\.avi' or soon after; .* fewer --workers"):
        list(run_tasks(die_at_two, range(4), 2, [f"{n}.avi" for n in range(4)]))


def test_results_come_in_order():
    assert list(run_tasks(square, range(9), 2)) == [i * i for i in range(9)]
