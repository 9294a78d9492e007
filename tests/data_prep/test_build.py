"""Video files to records through the command line: what goes in, what comes out."""

import csv
import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import tensorflow_datasets as tfds
from video_files import corners, cut, encode, encode_audio, numbered_frames, set_display_matrix

from data_prep import build
from data_prep import check as check_records
from vidkd_jax.errors import run_command
from vidkd_jax.video import iter_frames, read_frames, write_video

REAL_VIDEOS = Path(__file__).parents[2] / "../shared/videos"
needs_real = pytest.mark.skipif(not REAL_VIDEOS.exists(), reason="no real videos here")


@pytest.fixture
def command(capsys):
    """Runs a command as its module would, in this process: (status, last line of stderr)."""

    def run(main, *arguments, **options):
        line = [*map(str, arguments), *(f"--{name}={value}" for name, value in options.items())]
        status = 0
        try:
            run_command(lambda: main(line))
        except SystemExit as stop:
            status = stop.code
        lines = capsys.readouterr().err.strip().splitlines()
        return status, lines[-1] if lines else ""

    return run


def records(out, name, split):
    folder = out / name / "split1/1.0.0"
    return list(tfds.builder_from_directory(folder).as_data_source(split))


def index(out, name, split):
    with (out / name / f"split1/1.0.0/videos-{split}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def skipped(out):
    with (out / "skipped.csv").open(newline="") as file:
        return {row["id"]: row["cause"] for row in csv.DictReader(file)}


def content(folder):
    """Every finished file's bytes by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make_csv(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def small(tmp_path):
    """Four videos of two classes and a list of them."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for i in range(4):
        frames = list(numbered_frames(8 + i, height=24, width=36))
        write_video(videos / f"{i}.mp4", frames, 25)
    rows = [[f"{i}.mp4", "ab"[i % 2], "train" if i < 2 else "test", f"g{i}"] for i in range(4)]
    lists = make_csv(tmp_path / "list.csv", rows)
    return dict(
        dataset="csv", videos=videos, annotations=lists, out=tmp_path / "out", workers=1,
        short_side=16,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["own", None])
def test_records_hold_what_the_videos_hold(small, command, name):
    options = small | ({"name": name} if name else {})
    assert command(build.main, **options)[0] == 0
    train = records(small["out"], name or "csv", "train")
    assert [record["id"] for record in train] == [b"0", b"1"]
    record = train[1]
    assert {k: v for k, v in record.items() if k != "frames"} == {
        "id": b"1", "label": 1, "group": b"g1", "fps": 25.0, "num_frames": 9,
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
    del description["lists"]
    assert description == {
        "name": name or "csv", "dataset": "csv", "split": 1, "short_side": 16, "quality": 95,
        "class_names": ["a", "b"], "skipped": 0, "counts": {"train": 2, "test": 2},
        "stored_height": {"min": 16, "max": 16}, "stored_width": {"min": 24, "max": 24},
    }  # fmt: skip
    assert not (folder.parent / ".staging").exists()
    assert command(check_records.main, data=small["out"], annotations=small["annotations"])[0] == 0


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
    assert "finished already" in capsys.readouterr().out
    status, message = command(build.main, **small | {"quality": 50})
    assert (status, "made with quality=95; choose another --out or delete it" in message) == (
        2,
        True,
    )
    small["annotations"].write_text("0.mp4,a,train\n3.mp4,b,test\n")
    status, message = command(build.main, **small)
    assert (status, "made with other lists" in message) == (2, True)
    assert content(folder) == before


def test_nothing_is_downloaded(small, command, monkeypatch):
    def refuse(*_):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert command(build.main, **small)[0] == 0


def test_staging_of_other_settings_is_not_used(small, command):
    (small["videos"] / "3.mp4").rename(small["videos"] / "away")
    assert command(build.main, **small)[0] == 2  # 1 of 4 is missing: staged, but no records
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
    assert command(build.main, **small)[0] == 2
    files = sorted(small["out"].glob("csv/split1/.staging/videos/*"))
    assert len(files) == 3
    for path in files:
        path.write_bytes(staged)
    (small["videos"] / "away").rename(small["videos"] / "3.mp4")
    assert command(build.main, **small)[0] == 0
    assert command(check_records.main, data=small["out"])[0] == 0


def test_records_over_several_files_stay_in_order(small, command, monkeypatch):
    from data_prep import builder

    monkeypatch.setattr(builder, "_SHARD_BYTES", 1)
    assert command(build.main, **small)[0] == 0
    assert len(list(small["out"].glob("csv/split1/1.0.0/*train.array_record-*-of-00002"))) == 2
    assert [record["id"] for record in records(small["out"], "csv", "train")] == [b"0", b"1"]
    assert command(check_records.main, data=small["out"])[0] == 0


# --- real files, in the layouts that people have


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
    assert records(out, "ucf101", "test")[0]["group"] == b"g24"
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
    out = tmp_path / "out"
    options = dict(videos=tmp_path / "videos", annotations=lists, out=out, workers=1)
    assert command(build.main, dataset="hmdb51", **options)[0] == 0
    assert [row["group"] for row in index(out, "hmdb51", "train")] == ["RATRACE", "TrumanShow"]
    assert command(check_records.main, data=out, annotations=lists)[0] == 0


@needs_real
def test_real_kinetics(tmp_path, command):
    (tmp_path / "videos").mkdir()
    shutil.copy(REAL_VIDEOS / "R6llTwEh07w.mp4", tmp_path / "videos/R6llTwEh07w_000010_000020.mp4")
    shutil.copy(REAL_VIDEOS / "SOX5yA1l24A.mp4", tmp_path / "videos")
    lists = tmp_path / "lists"
    lists.mkdir()
    header = "label,youtube_id,time_start,time_end,split\n"
    (lists / "train.csv").write_text(f"{header}a b,R6llTwEh07w,10,20,train\n")
    (lists / "validate.csv").write_text(f"{header}a b,SOX5yA1l24A,0,10,validate\n")
    out = tmp_path / "out"
    options = dict(videos=tmp_path / "videos", annotations=lists, out=out, workers=1, short_side=64)
    assert command(build.main, dataset="kinetics400", **options)[0] == 0
    assert index(out, "kinetics400", "train")[0]["num_frames"] == "303"
    assert index(out, "kinetics400", "test")[0]["num_frames"] == "332"


@needs_real
def test_real_folder(tmp_path, command):
    for split, label, name in [
        ("train", "wave", "TrumanShow_wave_f_nm_np1_fr_med_26.avi"),
        ("test", "wave", "SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi"),
    ]:
        (tmp_path / "videos" / split / label).mkdir(parents=True)
        shutil.copy(REAL_VIDEOS / name, tmp_path / "videos" / split / label)
    options = dict(dataset="folder", name="mine", videos=tmp_path / "videos", out=tmp_path / "out")
    assert command(build.main, workers=1, **options)[0] == 0
    data = dict(data=tmp_path / "out/mine", annotations=tmp_path / "videos")
    assert command(check_records.main, **data)[0] == 0


# --- videos that are not what they should be


def odd_size(path):
    write_video(path.with_suffix(".avi"), [np.zeros((33, 47, 3), np.uint8)] * 4, 25, codec="mpeg4")


def variable_rate(path):
    times = [0, 1, 2, 30, 31, 70]
    encode(path, list(numbered_frames(6)), "libx264", "yuv420p", times)


def rotated(path):
    write_video(path, [corners()] * 4, 25)
    set_display_matrix(path, 0, 1, -1, 0)


def wrong_extension(path):
    write_video(path.with_suffix(".mkv"), [corners()] * 4, 25)
    path.with_suffix(".mkv").rename(path.with_suffix(".avi"))


def resolution_change(path):
    write_video(path.with_suffix(".h264"), [corners()] * 4, 25)
    larger = path.with_name("larger.h264")
    write_video(larger, [corners(64, 96)] * 4, 25)
    with path.with_suffix(".h264").open("ab") as file:
        file.write(larger.read_bytes())
    larger.unlink()


def truncated(path, codec="libx264"):
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    encode(path, noise, codec, "yuv420p")
    cut(path, 0.6)


USABLE = {  # name: (maker, frames, stored size at short side 16)
    "one_frame": (lambda p: write_video(p, [corners()], 25), 1, (16, 24)),
    "odd_size": (odd_size, 4, (16, 23)),
    "variable_rate": (variable_rate, 6, (16, 21)),
    "rotated": (rotated, 4, (24, 16)),
    "ten_bit": (lambda p: encode(p, [corners()] * 4, "libx264", "yuv420p10le"), 4, (16, 24)),
    "grey": (lambda p: encode(p, [corners()] * 4, "libx264", "gray"), 4, (16, 24)),
    "wrong_extension": (wrong_extension, 4, (16, 24)),
    "resolution_change": (resolution_change, 8, (16, 24)),
    "smaller_than_short_side": (lambda p: write_video(p, [corners(8, 8)] * 2, 25), 2, (16, 16)),
    "very_wide": (lambda p: write_video(p, [corners(16, 1600)] * 2, 25), 2, (16, 1600)),
    "vp9": (
        lambda p: encode(p.with_suffix(".webm"), [corners()] * 4, "libvpx-vp9", "yuv420p"),
        4,
        (16, 24),
    ),
    "name with, comma 'quote' ümlaut": (lambda p: write_video(p, [corners()] * 3, 25), 3, (16, 24)),
}
UNUSABLE = {
    "zero_bytes": (lambda p: p.touch(), "empty file"),
    "truncated_mp4": (truncated, "not a readable video"),
    "truncated_avi": (lambda p: truncated(p.with_suffix(".avi"), "mpeg4"), "corrupt after"),
    "truncated_mkv": (lambda p: truncated(p.with_suffix(".mkv")), "the file is cut off"),
    "audio_only": (encode_audio, "no video stream"),
    "cover_picture": (lambda p: encode_audio(p, cover=corners()), "no video stream"),
    "text": (lambda p: p.write_text("no film\n" * 50), "not a readable video"),
    "notes": (lambda p: p.with_suffix(".txt").write_text("no film\n" * 50), "not a"),
    "noise": (lambda p: p.write_bytes(b"\x8f\x13\x77" * 999), "not a readable video"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """All of them in one folder-style dataset, converted once."""
    root = tmp_path_factory.mktemp("mixed")
    for split in ("train", "test"):
        (root / "videos" / split / "a").mkdir(parents=True)
    write_video(root / "videos/test/a/good.mp4", [corners()] * 4, 25)
    for name, (make, *_) in (USABLE | UNUSABLE).items():
        make(root / "videos/train/a" / f"{name}.mp4")
    line = ["--dataset=folder", f"--videos={root / 'videos'}", f"--out={root / 'out'}"]
    build.main([*line, "--short_side=16", "--workers=1", "--max_skipped=0.5"])
    return root / "out"


@pytest.mark.parametrize("name", USABLE)
def test_unusual_videos_are_converted(mixed, name):
    _, num_frames, size = USABLE[name]
    (record,) = [r for r in records(mixed, "folder", "train") if r["id"].decode().endswith(name)]
    assert record["num_frames"] == len(record["frames"]) == num_frames
    shapes = {simplejpeg.decode_jpeg(jpeg).shape for jpeg in record["frames"]}
    assert shapes == {(*size, 3)}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_videos_are_listed_with_their_cause(mixed, name):
    assert UNUSABLE[name][1] in skipped(mixed)[f"train/a/{name}"]
    assert len(skipped(mixed)) == len(UNUSABLE)


def test_mixed_records_pass_the_check(mixed, command):
    data = dict(data=mixed, annotations=mixed.parent / "videos")
    assert command(check_records.main, **data)[0] == 0


@pytest.mark.parametrize("damage", [*UNUSABLE, "missing"])
def test_too_many_unusable_videos_end_with_status_2(small, command, damage):
    (small["videos"] / "2.mp4").unlink()
    if damage != "missing":
        make = UNUSABLE[damage][0]
        make(small["videos"] / "2.mp4")
    status, message = command(build.main, **small)
    assert status == 2
    assert "1 of 4 videos are unusable, more than --max_skipped=0.01" in message
    assert list(skipped(small["out"])) == ["2"]
    assert command(build.main, **small, max_skipped=0.25)[0] == 0
    assert len(index(small["out"], "csv", "test")) == 1


# --- lists and arguments that are wrong, through the command line

BAD_ARGUMENTS = {
    "unknown dataset": (dict(dataset="ucf-101"), "invalid choice: 'ucf-101'"),
    "no video folder": (dict(videos="nowhere"), "--videos=nowhere: there is no such folder"),
    "no list": (dict(annotations="nowhere.csv"), "nowhere.csv: No such file"),
    "split": (dict(split=7), "--split=7: csv has splits 1 to 5"),
    "name": (dict(name="../up"), "--name=../up: use small letters"),
    "quality": (dict(quality=101), "101 is not between 1 and 100"),
    "short side": (dict(short_side=0), "argument --short_side: invalid"),
    "workers": (dict(workers="many"), "argument --workers: invalid"),
    "max skipped": (dict(max_skipped=2), "2 is not between 0 and 1"),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_wrong_arguments(small, command, case):
    changed, message = BAD_ARGUMENTS[case]
    status, line = command(build.main, **small | changed)
    assert status == 2
    assert message in line


BAD_LISTS = {
    "empty": ("", "list.csv: the list is empty"),
    "duplicate": ("0.mp4,a,train\n1.mp4,b,test\n0.mp4,a,test\n", "listed twice"),
    "outside": ("../0.mp4,a,train\n1.mp4,b,test\n", "leads out of the video folder"),
    "nothing to test on": ("0.mp4,a,train\n1.mp4,b,train\n", "videos to train and to test on"),
    "nothing usable to test on": ("0.mp4,a,train\n9.mp4,b,test\n", "no usable video in the split"),
    "field missing": ("0.mp4,a,train\n1.mp4\n", "list.csv:2"),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_wrong_lists(small, command, case):
    text, message = BAD_LISTS[case]
    small["annotations"].write_text(text)
    status, line = command(build.main, **small, max_skipped=1)
    assert status == 2
    assert message in line


def test_windows_list(small, command):
    text = small["annotations"].read_text().replace("\n", "\r\n\r\n")
    small["annotations"].write_bytes(("\ufeff" + text).encode())
    assert command(build.main, **small)[0] == 0


def test_out_that_cannot_be_written(small, command):
    small["out"].write_text("a file")
    status, line = command(build.main, **small)
    assert status == 2
    assert f"--out={small['out']}" in line
    assert "choose an --out that can be written to" in line


def test_out_inside_the_folder_that_is_read(small, command):
    out = small["videos"] / "records"
    status, line = command(build.main, dataset="folder", videos=small["videos"], out=out)
    assert (status, "is inside --videos; choose a folder outside" in line) == (2, True)


def test_iter_frames_agrees_with_the_records(small, command):
    assert command(build.main, **small)[0] == 0
    first = next(iter_frames(small["videos"] / "0.mp4", short_side=16))
    stored = simplejpeg.decode_jpeg(records(small["out"], "csv", "train")[0]["frames"][0])
    assert np.abs(first.astype(int) - stored).mean() < 4


# --- damaged records


def damage_cut(folder):
    cut(next(folder.glob("*train*array_record*")), 0.7)


def damage_byte(folder):
    path = next(folder.glob("*test*array_record*"))
    data = bytearray(path.read_bytes())
    data[200:210] = bytes(10)
    path.write_bytes(data)


def damage_index(folder):
    path = folder / "videos-train.csv"
    path.write_text(path.read_text().replace("0,0,g0,8", "0,1,g0,8"))


def damage_index_row(folder):
    path = folder / "videos-train.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_cut, "train: 0: cannot be read"),
        (damage_byte, "cannot be read: Corrupted"),
        (damage_index, "train: 0: label is 0 in the record, 1 in the index"),
        (damage_index_row, "dataset.json counts 2 videos, the index 1, the records 2"),
        (lambda f: next(f.glob("*train*array_record*")).unlink(), "No such file"),
        (lambda f: (f / "videos-test.csv").unlink(), "cannot be opened"),
        (lambda f: (f / "dataset.json").write_text("{"), "cannot be opened"),
        (lambda f: (f / "dataset_info.json").unlink(), "cannot be opened"),
    ],
)
def test_check_finds_damage(small, capsys, damage, message):
    build.main([f"--{k}={v}" for k, v in small.items()])
    damage(small["out"] / "csv/split1/1.0.0")
    with pytest.raises(SystemExit) as stop:
        run_command(lambda: check_records.main([f"--data={small['out']}"]))
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert message in printed.out
    assert "delete the folder that they name and build it again" in printed.err


def test_check_compares_with_the_lists(small, command, capsys):
    assert command(build.main, **small)[0] == 0
    other = small["annotations"].with_name("other.csv")
    rows = [
        ["1.mp4", "b", "train", "g1"],
        ["0.mp4", "b", "train", "g0"],
        ["2.mp4", "a", "test", "g2"],
    ]
    make_csv(other, rows)
    with pytest.raises(SystemExit):
        run_command(
            lambda: check_records.main([f"--data={small['out']}", f"--annotations={other}"])
        )
    printed = capsys.readouterr().out
    assert "are not the lists that the records were made from" in printed
    assert "train: 0: label or group differ from the list" in printed
    assert "train: 1: is out of the list's order" in printed
    assert "test: 3: is not in the list" in printed


def test_check_without_records(tmp_path, command):
    status, line = command(check_records.main, data=tmp_path)
    assert status == 2
    assert "no finished records at or below it" in line
