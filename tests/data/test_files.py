"""Training straight from video files refuses what build refuses, and says what it leaves out."""

from fractions import Fraction

import numpy as np
import pytest
from squares import write_square
from video_files import damage, encode, moving_texture

from vidkd_jax.annotations import read_dataset
from vidkd_jax.data import files
from vidkd_jax.data.files import open_listed
from vidkd_jax.errors import InputError
from vidkd_jax.video import write_video


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def lists(tmp_path, num_videos, missing=()):
    """Writes videos, all but the missing ones, and a list: one tests, the others train."""
    rows = []
    for number in range(num_videos):
        if number not in missing:
            write_square(tmp_path / f"v/{number}.mp4", number % 2, number, num_frames=4)
        rows.append(f"{number}.mp4,{'ab'[number % 2]},{'train' if number else 'test'},g{number}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    return read_dataset("csv", tmp_path / "list.csv", tmp_path / "v")


def open_files(dataset):
    return open_listed(dataset, short_side=36)


def test_missing_videos_are_said_before_any_is_decoded(tmp_path, capsys):
    dataset = lists(tmp_path, 10, missing=[3])
    with pytest.raises(
        InputError, match=r"1 of 10 listed videos are missing \(listed above\), more"
    ):
        open_files(dataset)
    assert capsys.readouterr().err == f"missing: {tmp_path}/v/3.mp4\n"


def test_a_few_missing_videos_are_left_out(tmp_path, capsys):
    train = open_files(lists(tmp_path, 20, missing=[3]))("train")
    assert [video.id for video in train.videos] == [str(i) for i in range(1, 20) if i != 3]
    assert train.groups == {"given": 20, "guessed": 0, "unknown": 0}
    assert f"missing: {tmp_path}/v/3.mp4\n" in capsys.readouterr().err


def test_damaged_videos_cannot_be_used(tmp_path, capsys):
    dataset = lists(tmp_path, 4)
    path = tmp_path / "v/2.mp4"
    write_video(path, moving_texture(60, 120, 160), 30, codec="mpeg4", options={"g": "30"})
    damage(path, 0.5)
    with pytest.raises(InputError, match=r"1 of 4 videos cannot be read \(listed above\)"):
        open_files(dataset)("train")
    said = f"skipped: {path}: damaged: FFmpeg had to patch 1 frames\n"
    assert said in capsys.readouterr().err


def test_what_is_odd_about_the_folders_is_said(tmp_path, capsys):
    for name in ("a/IMG_1_1", "a/IMG_1_2", "a/3", "b/4", "b/5"):
        write_square(tmp_path / f"v/{name}.mp4", 0, 0, num_frames=2)
    (tmp_path / "v/a/Thumbs.db").touch()
    files = open_files(read_dataset("folder", None, tmp_path / "v"))
    said = capsys.readouterr().err
    assert "left out, because they do not end as videos do: 1 files (.db: 1)" in said
    assert "2 videos are grouped by their names" in said and "3 of 5 videos have no known" in said
    assert files("train").groups == {"given": 0, "guessed": 2, "unknown": 3}


def test_pixels_that_are_not_square_are_read_as_shown(tmp_path):
    dataset = lists(tmp_path, 4)
    frames = list(moving_texture(2, 36, 48))
    encode(tmp_path / "v/0.mp4", frames, "libx264", "yuv420p", aspect=Fraction(4, 3))
    assert open_files(dataset)("test").frames(0, np.array([1])).shape == (1, 36, 64, 3)


def test_the_limit_of_unreadable_videos_is_of_all_of_them(tmp_path, monkeypatch):
    """As in a conversion: 1 of 4 is not more than 30 %, though it is 1 of 3 that train."""
    monkeypatch.setattr(files, "MAX_SKIPPED", 0.3)
    dataset = lists(tmp_path, 4)
    (tmp_path / "v/2.mp4").write_text("no video")
    open_split = open_files(dataset)
    assert len(open_split("train").videos) == 2
    (tmp_path / "v/0.mp4").write_text("no video")
    with pytest.raises(InputError, match="2 of 4 videos cannot be read"):
        open_files(dataset)("train")
        open_split("test")
