"""Damaged records, and records that differ from the lists, are found and named."""

import json
import shutil

import pytest
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter
from record_files import make_csv
from video_files import cut

from data_prep import build
from data_prep import check as check_records
from vidkd_jax.runtime.command import run_command


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


def damage_index_in_a_row(folder):
    path = folder / "videos-train.csv"
    path.write_text(path.read_text().rsplit(",", 5)[0])


def damage_index_number(folder):
    path = folder / "videos-train.csv"
    path.write_text(path.read_text().replace("0,0,g0,8", "0,0,g0,0"))


def damage_description(folder):
    path = folder / "dataset.json"
    description = json.loads(path.read_text())
    del description["skipped"]
    path.write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_index_in_a_row, "cannot be opened"),
        (damage_index_number, "cannot be opened: videos-train.csv: video '0' has 0 frames"),
        (damage_description, "cannot be opened"),
        (damage_cut, "train: 0: cannot be read"),
        (damage_byte, "cannot be read: Corrupted"),
        (damage_index, "train: 0: label is 0 in the record, 1 in the index"),
        (
            damage_index_row,
            "dataset.json counts 2 videos; the index counts 1 videos in 1 records; "
            "the files hold 2 records",
        ),
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
    assert "delete each folder that they name and build it again" in printed.err


def test_check_finds_runs_that_are_missing_or_out_of_order(small, capsys):
    build.main([*(f"--{k}={v}" for k, v in small.items()), "--frames_per_record=4"])
    folder = small["out"] / "csv/split1/1.0.0"
    (shard,) = folder.glob("*test.array_record*")  # 2 videos of 10 and 11 frames: 3 runs each
    runs = list(ArrayRecordDataSource(str(shard)))
    assert len(runs) == 6

    def problems(order):
        writer = ArrayRecordWriter(str(shard), "group_size:1")
        for number in order:
            writer.write(runs[number])
        writer.close()
        return list(check_records.check(folder, None, 1))

    assert problems(range(6)) == []
    assert "test: 2: has frame 8 where frame 4 should be" in problems([0, 2, 1, 3, 4, 5])
    assert any(problem.startswith("test: 3: cannot be read") for problem in problems(range(5)))
    path = folder / "videos-test.csv"
    path.write_text(path.read_text().replace("3,1,g3,11,", "3,1,g3,12,"))
    assert "test: 3: holds 11 frames instead of 12" in problems(range(6))
    path.write_text(path.read_text().replace("3,1,g3,12,", "3,1,g3,15,"))
    message = "the index counts 2 videos in 7 records; the files hold 6 records"
    assert any(message in problem for problem in problems(range(6)))


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
    assert "does not hold the lists that the records were made from" in printed
    assert "train: 0: label or group differs from the list" in printed
    assert "train: 1: is not in the order of the list" in printed
    assert "test: 3: is not in the list" in printed


def test_check_with_a_list_alone_looks_nothing_up(small, tmp_path, command):
    """What lies beside the list may be links, or a home folder."""
    assert command(build.main, **small)[0] == 0
    beside = small["annotations"].parent
    shutil.move(small["videos"], tmp_path / "elsewhere")
    (beside / "link").symlink_to(tmp_path / "elsewhere")
    flags = dict(data=small["out"], annotations=small["annotations"])
    assert command(check_records.main, **flags)[0] == 0


def test_check_without_workers(tmp_path, command):
    status, line = command(check_records.main, data=tmp_path, workers=0)
    assert status == 2
    assert "argument --workers: invalid" in line


def test_check_without_records(tmp_path, command):
    status, line = command(check_records.main, data=tmp_path)
    assert status == 2
    assert "holds no finished records; make them with data_prep.build" in line


def test_check_compares_with_a_list_of_absolute_paths(small, tmp_path, command):
    rows = [
        [str(small["videos"] / f"{number}.mp4"), "ab"[number % 2], split, f"g{number}"]
        for number, split in enumerate(("train", "train", "test", "test"))
    ]
    (tmp_path / "lists").mkdir()
    lists = make_csv(tmp_path / "lists/absolute.csv", rows)
    made = {**small, "annotations": lists, "out": tmp_path / "absolute"}
    assert command(build.main, **made)[0] == 0
    flags = dict(data=made["out"], annotations=lists)
    assert command(check_records.main, **flags, videos=small["videos"])[0] == 0
    status, line = command(check_records.main, **flags)
    assert status == 2 and "paths in a list are relative to --videos, or lead into it" in line
    (tmp_path / "lists/absolute.csv").unlink()
    status, line = command(check_records.main, **flags, videos=small["videos"])
    assert status == 2 and "absolute.csv" in line and "--videos" not in line


def test_check_compares_a_data_set_without_lists_with_its_folder(small, tmp_path, command):
    videos = tmp_path / "own"
    for number, place in enumerate(("train/a", "train/b", "test/a", "test/b")):
        (videos / place).mkdir(parents=True)
        shutil.copy(small["videos"] / f"{number}.mp4", videos / place)
    made = dict(dataset="folder", videos=videos, out=tmp_path / "data", short_side=64)
    assert command(build.main, **made)[0] == 0
    # Its --videos, or, as before there was this flag, --annotations.
    for flag in ("videos", "annotations"):
        assert command(check_records.main, data=made["out"], **{flag: videos})[0] == 0
    shutil.move(videos / "train/b/1.mp4", videos / "train/a/1.mp4")
    shutil.copy(videos / "train/a/0.mp4", videos / "train/b/4.mp4")
    (folder,) = check_records.find_records(made["out"])
    found = list(check_records.check(folder, None, 1, videos))
    assert found[0] == f"{videos} does not hold the lists that the records were made from"
    assert "train: train/b/1: is not in the list" in found


def test_check_of_videos_alone_needs_the_lists(small, command):
    assert command(build.main, **small)[0] == 0
    status, line = command(check_records.main, data=small["out"], videos=small["videos"])
    assert status == 2 and "compares nothing, as csv has lists; name them with --annot" in line
