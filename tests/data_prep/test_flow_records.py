"""Flow records have the index of their videos, survive a kill, and refuse wrong input."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from record_files import content, index
from squares import write_square

from data_prep import build, check, flow
from vidkd_jax.data.records import RecordDataset
from vidkd_jax.errors import InputError

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Records of two videos of a square that moves left and two of one that moves right."""
    root = tmp_path_factory.mktemp("squares")
    for group in (1, 2):
        for direction, name in enumerate(("Left", "Right")):
            path = root / f"videos/{name}/v_{name}_g{group:02d}_c01.mp4"
            fps = 12 if direction else 30_000 / 1001  # no float32, as records have it, is that
            write_square(path, direction, seed=group, num_frames=8, fps=fps)
    build.main(
        [
            "--dataset=folder",
            f"--videos={root / 'videos'}",
            f"--out={root / 'data'}",
            "--name=squares",
            "--short_side=36",
            "--workers=1",
        ]
    )
    return root / "data"


def arguments(source, out, **options):
    options = {"data": source, "out": out, "algorithm": "dis", "workers": 1} | options
    return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture(scope="module")
def finished(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow")
    flow.main(arguments(source, out))
    return out


def folder(out):
    return out / "squares_flow/split1/1.0.0"


def test_the_flow_of_every_video_under_its_own_index(source, finished, capsys):
    for split in ("train", "test"):
        assert index(finished, "squares_flow", split) == index(source, "squares", split)
    info = json.loads((folder(finished) / "dataset.json").read_text())
    source_info = json.loads((source / "squares/split1/1.0.0/dataset.json").read_text())
    changed = {"name": "squares_flow", "modality": "flow", "algorithm": "dis"}
    changed["source"] = {"counts": {"train": 2, "test": 2}, "skipped": 0, "quality": 95}
    assert info == source_info | changed
    check.main([f"--data={finished}"])
    assert "train 2, test 2 videos, 32 frames, 0 skipped" in capsys.readouterr().out


def test_where_the_squares_go(finished):
    dataset = RecordDataset(folder(finished), "train")
    for video in dataset.videos:
        frames = [*dataset.frames(video.index, np.arange(8))]
        assert {frame.shape for frame in frames} == {(36, 48, 2)}
        pixels = np.stack(frames) * (40 / 255) - 20
        # The square moves one pixel per frame. In frame 3 it covers the columns 5..14 if it moves
        # right, and 23..32 if it moves left.
        square, elsewhere = (np.s_[7:13], np.s_[30:]) if video.label else (np.s_[25:31], np.s_[:12])
        direction = 1 if video.label else -1
        assert np.abs(pixels[3, 12:20, square].mean((0, 1)) - [direction, 0]).max() < 0.3
        assert np.abs(pixels[3, :, elsewhere]).mean() < 0.15
        assert np.array_equal(frames[6], frames[7])  # the last frame repeats the flow before it


def test_killed_and_resumed_gives_the_same_bytes(source, finished, tmp_path):
    script = """
import os, signal, sys
from data_prep import flow
compute, done = flow._compute, []
def some(task):
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(task)
    return compute(task)
flow._compute = some
flow.main(sys.argv[1:])
"""
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments(source, tmp_path)],
        cwd=REPO,
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert not folder(tmp_path).exists()
    staged = tmp_path / "squares_flow/split1/.staging/videos"
    assert len(list(staged.glob("*.frames"))) == 2
    flow.main(arguments(source, tmp_path, workers=2))
    assert content(folder(tmp_path)) == content(folder(finished))
    assert not staged.exists()


def test_what_is_staged_is_not_computed_again(source, finished, tmp_path, monkeypatch):
    compute, done = flow._compute, []

    def interrupted(task):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.index)
        return compute(task)

    monkeypatch.setattr(flow, "_compute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        flow.main(arguments(source, tmp_path))
    monkeypatch.setattr(flow, "_compute", lambda task: done.append(task.index) or compute(task))
    flow.main(arguments(source, tmp_path))
    assert len(done) == 4
    assert content(folder(tmp_path)) == content(folder(finished))


def test_again_says_that_it_is_finished(source, finished, command, capsys):
    flow.main(arguments(source, finished))
    assert "already finished" in capsys.readouterr().out
    status, line = command(flow.main, *arguments(source, finished, quality=80))
    assert status == 2 and "made with quality=95" in line


@pytest.mark.parametrize("changed", [{"videos": "other"}, {"skipped": 1}, {"quality": 50}])
def test_flow_of_other_records_is_refused(source, finished, tmp_path, command, changed):
    shutil.copytree(source, tmp_path / "data")
    path = tmp_path / "data/squares/split1/1.0.0/dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    status, line = command(flow.main, *arguments(tmp_path / "data", finished))
    assert status == 2 and "is finished, but was made from other " in line


def damaged(source, out):
    """A copy of the records with a damaged first training video."""
    target = out / "squares/split1/1.0.0"
    target.mkdir(parents=True)
    for path in (source / "squares/split1/1.0.0").iterdir():
        data = bytearray(path.read_bytes())
        if "train.array_record" in path.name:
            data[200:210] = bytes(10)
        (target / path.name).write_bytes(data)
    return out


def test_damaged_videos_are_counted_and_listed(source, tmp_path, command):
    data = damaged(source, tmp_path / "data")
    status, line = command(flow.main, *arguments(data, tmp_path))
    assert status == 2 and "videos are unusable, more than --max_skipped=0.01" in line
    assert command(flow.main, *arguments(data, tmp_path, max_skipped=0.5))[0] == 0
    with (tmp_path / "skipped.csv").open() as file:
        (skipped,) = csv.DictReader(file)
    assert skipped["dataset"] == "squares_flow"
    assert skipped["id"] == index(source, "squares", "train")[0]["id"]
    assert "cannot be read" in skipped["cause"]
    info = json.loads((folder(tmp_path) / "dataset.json").read_text())
    assert info["skipped"] == 1 and sum(info["counts"].values()) == 3


def test_wrong_input(source, finished, small, tmp_path, command, monkeypatch):
    def run(**options):
        return command(flow.main, *arguments(source, tmp_path, **options))

    assert run(data=tmp_path)[1].endswith(
        "holds no finished records; make them with data_prep.build"
    )
    status, line = run(data=finished)
    assert status == 2 and "holds only flow records; give the records of the videos" in line
    status, line = run(algorithm="farneback")
    assert status == 2 and "--algorithm: invalid choice: 'farneback'" in line
    build.main([f"--{name}={value}" for name, value in (small | {"short_side": 12}).items()])
    status, line = run(data=small["out"])
    message = "short side of 12 pixels are too small for flow; build the records with"
    assert status == 2 and message in line
    monkeypatch.setitem(sys.modules, "skimage.registration", None)
    status, line = run(algorithm="tvl1")
    assert (
        status == 2 and "needs scikit-image; install it with pip install 'vidkd_jax[flow]'" in line
    )
    assert not (tmp_path / "squares_flow").exists()


@pytest.mark.parametrize("text", ["id,height,width\na,1,2\n", "fps,height,width\n1,2\n"])
def test_a_damaged_index_is_named(tmp_path, text):
    (tmp_path / "videos-train.csv").write_text(text)
    with pytest.raises(InputError, match=r"videos-train\.csv' cannot be read"):
        flow._read_originals(tmp_path / "videos-train.csv")
