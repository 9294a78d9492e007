"""Wrong lists and arguments end the command with status 2 and print one line."""

import errno
import os

import pytest

from data_prep import build
from data_prep.disk import clear_disk_errors, sync
from vidkd_jax.errors import InputError

BAD_ARGUMENTS = {
    "unknown dataset": (dict(dataset="ucf-101"), "invalid choice: 'ucf-101'"),
    "no video folder": (dict(videos="nowhere"), "--videos=nowhere: there is no such folder"),
    "no list": (dict(annotations="nowhere.csv"), "nowhere.csv: No such file"),
    "split": (dict(split=7), "--split=7: csv has splits 1 to 5"),
    "name": (dict(name="../up"), "--name=../up: use at most 100 lower-case letters"),
    "quality": (dict(quality=101), "101 is not between 1 and 100"),
    "short side": (dict(short_side=0), "argument --short_side: 0 is less than 8 pixels"),
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
    "nothing to test on": ("0.mp4,a,train\n1.mp4,b,train\n", "but hold only train videos"),
    "nothing usable to test on": (
        "0.mp4,a,train\n1.mp4,b,train\n9.mp4,b,test\n",
        "no usable video in the split",
    ),
    "field missing": ("0.mp4,a,train\n1.mp4\n", "list.csv:2"),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_wrong_lists(small, command, case):
    text, message = BAD_LISTS[case]
    small["annotations"].write_text(text)
    status, line = command(build.main, **small, max_skipped=1, max_missing=1)
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


def test_a_link_to_itself_is_one_line(small, tmp_path, command):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    status, line = command(build.main, **{**small, "out": loop})
    assert status == 2 and f"--out={loop}" in line and "choose an --out that can" in line
    status, line = command(build.main, dataset="folder", videos=loop, out=small["out"])
    assert status == 2 and f"--videos={loop}: there is no such folder" in line


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.ELOOP])
def test_a_disk_without_locks_is_one_line(code, tmp_path):
    refused = pytest.raises(InputError, match="choose an --out that can be written to")
    with refused, clear_disk_errors(tmp_path):
        raise OSError(code, os.strerror(code))


def test_a_folder_whose_names_cannot_be_flushed_is_no_failure(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Invalid argument"):
        sync(tmp_path / "file")


def test_out_whose_name_is_no_text_is_refused_before_anything_is_converted(small, command):
    out = small["out"] / os.fsdecode(b"out_\xe9")
    status, line = command(build.main, **{**small, "out": out})
    assert status == 2 and "the name is not UTF-8 text; choose another" in line
    assert not small["out"].exists()


def test_out_inside_the_folder_that_is_read(small, command):
    out = small["videos"] / "records"
    status, line = command(build.main, dataset="folder", videos=small["videos"], out=out)
    assert (status, "is inside --videos; choose a folder outside" in line) == (2, True)
