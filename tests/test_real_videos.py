"""TY trains on real UCF101, HMDB51 and Kinetics files, through the commands that users type."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from squares import SMALL_RUN

VIDEOS = Path(__file__).parents[2] / "shared" / "videos"

pytestmark = pytest.mark.skipif(
    not VIDEOS.is_dir(), reason="the real videos are not on this machine"
)


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(records, name, workdir, *extra):
    values = {
        **SMALL_RUN,
        "data.short_side": 64,
        "data.crop": 56,
        "train.batch_size": 2,
        "train.epochs": 2,
    }
    flags = [f"--config.{field}={value}" for field, value in values.items()]
    return command(
        "vidkd_jax.main", "--config=configs/ty_r18.py", f"--workdir={workdir}", *flags,
        f"--config.data.root={records}", f"--config.data.name={name}", *extra,
    )  # fmt: skip


def test_ucf101_layout(tmp_path):
    """Uses the official layout and lists, with copies of videos as the missing groups."""
    lists = {"trainlist01.txt": "", "testlist01.txt": ""}
    sources = {
        "ApplyEyeMakeup": "v_ApplyEyeMakeup_g01_c01.avi",
        "SoccerJuggling": "v_SoccerJuggling_g23_c01.avi",
    }
    for label, (name, source) in enumerate(sources.items(), start=1):
        for group in (1, 8, 9):
            path = tmp_path / "videos" / name / f"v_{name}_g{group:02d}_c01.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(VIDEOS / source, path)
            if group == 1:
                lists["testlist01.txt"] += f"{name}/{path.name}\n"
            else:
                lists["trainlist01.txt"] += f"{name}/{path.name} {label}\n"
    annotations = tmp_path / "lists"
    annotations.mkdir()
    (annotations / "classInd.txt").write_text("1 ApplyEyeMakeup\n2 SoccerJuggling\n")
    for name, text in lists.items():
        (annotations / name).write_text(text)
    command(
        "data_prep.build", "--dataset=ucf101", f"--videos={tmp_path / 'videos'}",
        f"--annotations={annotations}", f"--out={tmp_path / 'data'}", "--short_side=64",
    )  # fmt: skip
    command("data_prep.check", f"--data={tmp_path / 'data'}")
    assert "Video@1" in train(tmp_path / "data", "ucf101", tmp_path / "run")


@pytest.mark.slow
def test_folder_layout(tmp_path):
    """Uses a folder per class with mixed containers and codecs; the command makes the splits."""
    for name, pattern in {
        "wave": "*_wave_*.avi",
        "soccer": "v_Soccer*.avi",
        "other": "*.mp4",
    }.items():
        (tmp_path / "videos" / name).mkdir(parents=True)
        for path in VIDEOS.glob(pattern):
            shutil.copy(path, tmp_path / "videos" / name)
    command(
        "data_prep.build", "--dataset=folder", "--name=mine", f"--videos={tmp_path / 'videos'}",
        f"--out={tmp_path / 'data'}", "--short_side=64",
    )  # fmt: skip
    assert "Video@1" in train(tmp_path / "data", "mine", tmp_path / "run")
