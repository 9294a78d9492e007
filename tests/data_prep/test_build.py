"""The build command turns video files into records that hold the same frames."""

import csv
import errno
import json
import os
import shutil
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from record_files import content, index, records
from video_files import numbered_frames

from data_prep import build, builder
from data_prep import check as check_records
from data_prep.output import Output, write_skipped
from data_prep.staging import SkippedVideo
from vidkd_jax.video import iter_frames, read_frames, write_video

REAL_VIDEOS = Path(__file__).parents[2] / "../shared/videos"
needs_real = pytest.mark.skipif(not REAL_VIDEOS.exists(), reason="no real videos here")


@pytest.mark.parametrize("name", ["own", None])
def test_records_hold_what_the_videos_hold(small, command, name):
    options = small | ({"name": name} if name else {})
    assert command(build.main, **options)[0] == 0
    train = records(small["out"], name or "csv", "train")
    assert [record["id"] for record in train] == [b"0", b"1"]
    record = train[1]
    assert {k: v for k, v in record.items() if k != "frames"} == {
        "id": b"1", "label": 1, "group": b"g1", "fps": 25.0, "num_frames": 9, "first_frame": 0,
        "height": 24, "width": 36,
    }  # fmt: skip
    expected = read_frames(small["videos"] / "1.mp4", short_side=16)
    frames = np.stack([simplejpeg.decode_jpeg(jpeg) for jpeg in record["frames"]])
    assert frames.shape == expected.shape == (9, 16, 24, 3)
    assert np.abs(frames.astype(int) - expected).mean() < 4
    row = dict(id="1", label="1", group="g1", num_frames="9", fps="25.0", height="24", width="36")
    assert index(small["out"], name or "csv", "train")[1] == row
    folder = small["out"] / f"{name or 'csv'}/split1/1.0.0"
    description = json.loads((folder / "dataset.json").read_text())
    del description["lists"], description["videos"]
    assert description == {
        "name": name or "csv", "dataset": "csv", "split": 1, "short_side": 16, "quality": 95,
        "frames_per_record": 32, "fps": 0.0, "keep_damaged": False, "class_names": ["a", "b"],
        "groups": {"given": 4, "guessed": 0, "unknown": 0}, "skipped": 0, "alike": 0,
        "counts": {"train": 2, "test": 2},
        "stored_height": {"min": 16, "max": 16}, "stored_width": {"min": 24, "max": 24},
    }  # fmt: skip
    assert not (folder.parent / ".staging").exists()
    assert command(check_records.main, data=small["out"], annotations=small["annotations"])[0] == 0


def test_the_classes_are_named_at_the_end(small, command, capsys):
    build.main([f"--{k}={v}" for k, v in small.items()])
    assert "2 classes: a, b\n" in capsys.readouterr().out
    build.main([f"--{k}={v}" for k, v in small.items()])
    assert "2 classes: a, b\n" in capsys.readouterr().out


def test_long_videos_are_several_records(small, command, capsys):
    """Videos of 8 to 11 frames become two or three records each, with the same JPEGs in order."""
    length = {8: 4, 9: 5, 10: 4, 11: 4}
    assert command(build.main, **small)[0] == 0
    other = small["out"].with_name("runs")
    assert command(build.main, **small | {"out": other, "frames_per_record": 4})[0] == 0
    for split in ("train", "test"):
        whole = records(small["out"], "csv", split)
        runs = records(other, "csv", split)
        expected = [
            (video["id"], first, list(video["frames"])[first:][: length[video["num_frames"]]])
            for video in whole
            for first in range(0, video["num_frames"], length[video["num_frames"]])
        ]
        found = [(run["id"], run["first_frame"], list(run["frames"])) for run in runs]
        assert found == expected
        assert len(found) > len(whole)
    assert index(small["out"], "csv", "train") == index(other, "csv", "train")
    capsys.readouterr()
    assert command(check_records.main, data=other, annotations=small["annotations"])[0] == 0
    status, message = command(build.main, **small | {"out": other, "frames_per_record": 5})
    assert (status, "was made with frames_per_record=4; choose" in message) == (2, True)


def test_quality_is_the_jpegs(small, command):
    sizes = []
    for quality in (1, 95):
        out = small["out"] / str(quality)
        assert command(build.main, **small | {"out": out, "quality": quality})[0] == 0
        sizes.append(sum(map(len, records(out, "csv", "train")[0]["frames"])))
    assert sizes[0] < 0.95 * sizes[1]


def test_finished_is_said_and_other_settings_are_refused(small, command, capsys):
    assert command(build.main, **small)[0] == 0
    folder = small["out"] / "csv/split1/1.0.0"
    before = content(folder)
    build.main([f"--{k}={v}" for k, v in small.items()])
    assert "already finished" in capsys.readouterr().out
    status, message = command(build.main, **small | {"quality": 50})
    remedy = "made with quality=95; choose another --out or delete that folder"
    assert (status, remedy in message) == (2, True)
    small["annotations"].write_text("0.mp4,a,train\n1.mp4,b,train\n3.mp4,b,test\n")
    status, message = command(build.main, **small)
    assert (status, "made with other lists" in message) == (2, True)
    assert content(folder) == before


def test_other_files_of_the_same_names_are_refused(small, command, capsys):
    build.main([f"--{k}={v}" for k, v in small.items()])
    write_video(small["videos"] / "1.mp4", numbered_frames(30, height=24, width=36), 25)
    status, message = command(build.main, **small)
    assert (status, "was made from other video files; choose" in message) == (2, True)
    path = small["out"] / "csv/split1/1.0.0/dataset.json"
    description = json.loads(path.read_text())
    del description["videos"]  # as an earlier version wrote it
    path.write_text(json.dumps(description))
    assert command(build.main, **small)[0] == 0


def test_finished_says_what_was_skipped(small, command, capsys):
    (small["videos"] / "3.mp4").unlink()
    line = [f"--{k}={v}" for k, v in small.items()] + ["--max_missing=0.5"]
    build.main(line)
    capsys.readouterr()
    build.main(line)
    records = small["out"] / "csv/split1/1.0.0"
    said = (
        f"already finished: {records}, 1 videos were skipped ({small['out'] / 'skipped.csv'}); "
        f"delete {records} to convert them again\n2 classes: a, b\n"
    )
    assert said in capsys.readouterr().out


def test_skipped_videos_of_all_datasets_are_in_one_list(small, command):
    """Each build replaces its own rows."""
    path, missing = small["out"] / "skipped.csv", small["videos"] / "3.mp4"
    path.parent.mkdir()
    path.write_text("id,path,cause\n1,1.mp4,of an earlier version\n")
    missing.rename(small["videos"] / "away")
    for name in ("one", "two"):
        assert command(build.main, **small, name=name)[0] == 2  # 1 of 4 is missing
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["dataset", "split", "id", "path", "cause"]
    assert rows == [[name, "1", "3", str(missing), "no such file"] for name in ("one", "two")]
    (small["videos"] / "away").rename(missing)
    assert command(build.main, **small, name="one")[0] == 0
    with path.open(newline="") as file:
        assert [row["dataset"] for row in csv.DictReader(file)] == ["two"]


def test_builds_at_once_list_all_that_they_skip(tmp_path):
    outputs = [Output(tmp_path, f"d{i}", split) for i in range(8) for split in (1, 2)]
    skipped = [("3", SkippedVideo(tmp_path / os.fsdecode(b"\xfc.mp4"), "empty file"))]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda output: write_skipped(output, skipped), outputs))
    with (tmp_path / "skipped.csv").open(errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["dataset"], int(row["split"])) for row in rows} == {
        (output.name, output.split) for output in outputs
    }
    assert len(rows) == 16 and {row["path"] for row in rows} == {str(skipped[0][1].path)}


def test_of_a_list_that_cannot_be_written_the_old_one_is_left_and_nothing_else(
    tmp_path, monkeypatch
):
    output = Output(tmp_path, "d", 1)
    write_skipped(output, [("3", SkippedVideo(tmp_path / "3.mp4", "empty file"))])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    class Full:
        def writerow(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(csv, "writer", lambda *_, **__: Full())
    with pytest.raises(OSError, match="No space left"):
        write_skipped(output, [])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_everything_is_on_the_disk_before_it_is_relied_on(small, command, monkeypatch):
    folder = small["out"] / "csv/split1"
    fsync, synced = os.fsync, {}

    def recording(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced[path.name] = (folder / "1.0.0").exists()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    assert command(build.main, **small)[0] == 0
    written = {path.name for path in (folder / "1.0.0").iterdir()}
    assert {"dataset.json", "videos-train.csv", "videos-test.csv"} < written
    before = {name for name, is_there in synced.items() if not is_there}
    assert written | {"1.0.0"} <= before  # the files and their folder, before the folder is moved
    assert synced["split1"]  # the folder above, after the move


def test_nothing_is_downloaded(small, command, monkeypatch):
    def refuse(*_):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert command(build.main, **small)[0] == 0


def test_nothing_is_left_outside_the_output(small, command, monkeypatch, tmp_path):
    """TFDS made a folder for information from its bucket, which it does not have, and kept it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert command(build.main, **small)[0] == 0
    assert not list(temporary.iterdir())


def test_staging_of_other_settings_is_not_used(small, command):
    (small["videos"] / "3.mp4").rename(small["videos"] / "away")
    (small["videos"] / "3.mp4").touch()
    assert command(build.main, **small)[0] == 2  # 1 of 4 is empty: staged, but no records
    assert not (small["out"] / "csv/split1/1.0.0").exists()
    (small["videos"] / "away").rename(small["videos"] / "3.mp4")
    write_video(small["videos"] / "0.mp4", numbered_frames(5, height=24, width=36), 25)
    assert command(build.main, **small | {"short_side": 20})[0] == 0
    rows = index(small["out"], "csv", "train")
    assert rows[0]["num_frames"] == "5"
    shapes = {
        simplejpeg.decode_jpeg(record["frames"][0]).shape
        for record in records(small["out"], "csv", "test")
    }
    assert shapes == {(20, 30, 3)}


@pytest.mark.parametrize("staged", [b"", b"x" * 5, b"x" * 500])
def test_broken_staging_files_are_made_again(small, command, staged):
    (small["videos"] / "3.mp4").rename(small["videos"] / "away")
    (small["videos"] / "3.mp4").touch()
    assert command(build.main, **small)[0] == 2
    files = sorted(small["out"].glob("csv/split1/.staging/videos/*"))
    assert len(files) == 3
    for path in files:
        path.write_bytes(staged)
    (small["videos"] / "away").rename(small["videos"] / "3.mp4")
    assert command(build.main, **small)[0] == 0
    assert command(check_records.main, data=small["out"])[0] == 0


def test_records_over_several_files_stay_in_order(small, command, monkeypatch):
    monkeypatch.setattr(builder, "_SHARD_BYTES", 1)
    assert command(build.main, **small)[0] == 0
    assert len(list(small["out"].glob("csv/split1/1.0.0/*train.array_record-*-of-00002"))) == 2
    assert [record["id"] for record in records(small["out"], "csv", "train")] == [b"0", b"1"]
    assert command(check_records.main, data=small["out"])[0] == 0


def test_iter_frames_agrees_with_the_records(small, command):
    assert command(build.main, **small)[0] == 0
    first = next(iter_frames(small["videos"] / "0.mp4", short_side=16))
    stored = simplejpeg.decode_jpeg(records(small["out"], "csv", "train")[0]["frames"][0])
    assert np.abs(first.astype(int) - stored).mean() < 4


# --- real files, in the layouts of the public data sets


@needs_real
def test_real_ucf101(tmp_path, command):
    for name in ("ApplyEyeMakeup_g01_c01", "SoccerJuggling_g23_c01", "SoccerJuggling_g24_c01"):
        folder = tmp_path / "videos" / name.split("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(REAL_VIDEOS / f"v_{name}.avi", folder)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 ApplyEyeMakeup\r\n2 SoccerJuggling\r\n")
    (lists / "trainlist01.txt").write_text(
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi 1\r\n"
        "SoccerJuggling/v_SoccerJuggling_g23_c01.avi 2\r\n"
    )
    (lists / "testlist01.txt").write_text("SoccerJuggling/v_SoccerJuggling_g24_c01.avi\r\n")
    out = tmp_path / "out"
    options = dict(videos=tmp_path / "videos", annotations=lists, out=out, workers=2)
    assert command(build.main, dataset="ucf101", **options)[0] == 0
    assert [row["num_frames"] for row in index(out, "ucf101", "train")] == ["164", "240"]
    assert records(out, "ucf101", "test")[0]["group"] == b"SoccerJuggling_g24"
    assert command(check_records.main, data=out, annotations=lists)[0] == 0


@needs_real
def test_real_hmdb51(tmp_path, command):
    (tmp_path / "videos/wave").mkdir(parents=True)
    lists = tmp_path / "lists"
    lists.mkdir()
    lines = []
    for number, path in enumerate(sorted(REAL_VIDEOS.glob("*_wave_*"))):
        shutil.copy(path, tmp_path / "videos/wave")
        lines.append(f"{path.name} {1 + number % 2} \n")
    (lists / "wave_test_split1.txt").write_text("".join(lines))
    (tmp_path / "videos/clap").mkdir()
    clap = path.name.replace("_wave_", "_clap_")
    shutil.copy(path, tmp_path / "videos/clap" / clap)
    (lists / "clap_test_split1.txt").write_text(f"not_this_split.avi 0 \n{clap} 1 \n")
    out = tmp_path / "out"
    options = dict(videos=tmp_path / "videos", annotations=lists, out=out, workers=1)
    assert command(build.main, dataset="hmdb51", **options)[0] == 0
    found = [(row["label"], row["group"]) for row in index(out, "hmdb51", "train")]
    assert found == [("0", "TrumanShow"), ("1", "RATRACE"), ("1", "TrumanShow")]
    assert command(check_records.main, data=out, annotations=lists)[0] == 0


@needs_real
def test_real_kinetics(tmp_path, command):
    (tmp_path / "videos").mkdir()
    shutil.copy(REAL_VIDEOS / "R6llTwEh07w.mp4", tmp_path / "videos/R6llTwEh07w_000010_000020.mp4")
    shutil.copy(REAL_VIDEOS / "SOX5yA1l24A.mp4", tmp_path / "videos")
    lists = tmp_path / "lists"
    lists.mkdir()
    header = "label,youtube_id,time_start,time_end,split\n"
    shutil.copy(REAL_VIDEOS / "R6llTwEh07w.mp4", tmp_path / "videos/R6llTwEh07w_000020_000030.mp4")
    (lists / "train.csv").write_text(
        f"{header}a b,R6llTwEh07w,10,20,train\nc,R6llTwEh07w,20,30,train\n"
    )
    (lists / "k400_labels.txt").write_text("a b\nc\n")
    (lists / "validate.csv").write_text(f"{header}a b,SOX5yA1l24A,0,10,validate\n")
    out = tmp_path / "out"
    options = dict(videos=tmp_path / "videos", annotations=lists, out=out, workers=1, short_side=64)
    assert command(build.main, dataset="kinetics400", **options)[0] == 0
    assert index(out, "kinetics400", "train")[0]["num_frames"] == "303"
    assert index(out, "kinetics400", "test")[0]["num_frames"] == "332"


@needs_real
def test_real_folder(tmp_path, command):
    for split, label, name in [
        ("train", "soccer", "v_SoccerJuggling_g23_c01.avi"),
        ("train", "wave", "TrumanShow_wave_f_nm_np1_fr_med_26.avi"),
        ("test", "wave", "SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi"),
    ]:
        (tmp_path / "videos" / split / label).mkdir(parents=True)
        shutil.copy(REAL_VIDEOS / name, tmp_path / "videos" / split / label)
    options = dict(dataset="folder", name="mine", videos=tmp_path / "videos", out=tmp_path / "out")
    assert command(build.main, workers=1, **options)[0] == 0
    data = dict(data=tmp_path / "out/mine", annotations=tmp_path / "videos")
    assert command(check_records.main, **data)[0] == 0
