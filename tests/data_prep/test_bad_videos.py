"""Unusual videos are converted if that is possible; unusable ones are listed with the cause."""

import cv2
import numpy as np
import pytest
import simplejpeg
from record_files import index, records, skipped
from video_files import (
    corners,
    cut,
    damage,
    encode,
    encode_audio,
    moving_texture,
    numbered_frames,
    set_display_matrix,
)

from data_prep import build
from data_prep import check as check_records
from vidkd_jax.video import write_video


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


def picture(path, suffix):
    cv2.imwrite(str(path.with_suffix(suffix)), corners())
    path.with_suffix(suffix).rename(path)


def damaged(path):
    write_video(path, moving_texture(60, 120, 160), 30, codec="mpeg4", options={"g": "30"})
    damage(path, 0.5)


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
    "picture": (lambda p: picture(p, ".jpg"), "a picture, not"),
    "frame": (lambda p: picture(p, ".png"), "a picture, not"),
    "damaged": (damaged, "damaged: FFmpeg had to patch 1 frames"),
    "noise": (lambda p: p.write_bytes(b"\x8f\x13\x77" * 999), "not a readable video"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Converts all usable and unusable videos once, as one dataset with a folder per class."""
    root = tmp_path_factory.mktemp("mixed")
    for split in ("train", "test"):
        for label in "ab":
            (root / "videos" / split / label).mkdir(parents=True)
            write_video(root / "videos" / split / label / "good.mp4", [corners()] * 4, 25)
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


@pytest.mark.parametrize("case", UNUSABLE)
def test_too_many_unusable_videos_end_with_status_2(small, command, case):
    path = small["videos"] / "2.mp4"
    path.unlink()
    UNUSABLE[case][0](path)
    for made in small["videos"].glob("2.*"):
        made.rename(path)
    status, message = command(build.main, **small)
    assert status == 2
    assert "1 of 4 videos are unusable, more than --max_skipped=0.01" in message
    assert f"(the first: {path}: " in message
    assert list(skipped(small["out"])) == ["2"]
    assert command(build.main, **small, max_skipped=0.25)[0] == 0
    assert len(index(small["out"], "csv", "test")) == 1


def test_missing_videos_are_said_before_anything_is_converted(small, command, capsys):
    (small["videos"] / "2.mp4").unlink()
    status, message = command(build.main, **small, max_skipped=1)
    assert status == 2
    assert f"1 of 4 listed videos are missing, such as {small['videos'] / '2.mp4'} (" in message
    assert "more than --max_missing=0.05 allows" in message
    assert skipped(small["out"]) == {"2": "no such file"}
    assert not list(small["out"].glob("csv/split1/.staging/videos/*"))
    build.main([*(f"--{k}={v}" for k, v in small.items()), "--max_missing=0.25"])
    said = capsys.readouterr().out
    assert "1 of 4 listed videos are missing" in said and "skipped 1 of 4" in said
    assert len(index(small["out"], "csv", "test")) == 1


def test_damaged_videos_are_kept_where_asked(small, command, capsys):
    damaged(small["videos"] / "2.mp4")
    assert command(build.main, **small)[0] == 2
    build.main([*(f"--{k}={v}" for k, v in small.items()), "--keep_damaged"])
    assert f"kept 1 damaged videos: {small['videos'] / '2.mp4'}\n" in capsys.readouterr().out
    assert index(small["out"], "csv", "test")[0]["num_frames"] == "60"
    assert skipped(small["out"]) == {}
