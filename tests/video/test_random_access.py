"""Reading frame i by seeking gives the same frame as decoding from the beginning."""

from pathlib import Path

import numpy as np
import pytest
from video_files import numbered_frames

from vidkd_jax.video import VideoError, probe, random_access, read_frames, write_video

REAL_VIDEOS = sorted(Path(__file__).parents[2].joinpath("../shared/videos").glob("*.*"))
NUM_FRAMES = 60


@pytest.mark.skipif(not REAL_VIDEOS, reason="no real videos beside the repository")
@pytest.mark.parametrize("path", REAL_VIDEOS, ids=lambda path: path.name)
def test_equals_whole_decode_on_real_files(path):
    whole = read_frames(path)
    assert len(whole) == probe(path).num_frames
    indices = [len(whole) - 1, 0, len(whole) // 2, len(whole) // 2 + 1, 7, 0]
    np.testing.assert_array_equal(read_frames(path, indices), whole[indices])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize(
    "options",
    [{"bf": "3", "g": "250"}, {"bf": "2", "g": "5"}, {"bf": "0", "g": "1"}],
    ids=["long-gop", "short-gop", "intra"],
)
def test_equals_whole_decode(tmp_path, suffix, codec, options):
    path = tmp_path / f"video{suffix}"
    write_video(path, numbered_frames(NUM_FRAMES), 25, codec=codec, options=options)
    whole = read_frames(path)
    assert len(whole) == NUM_FRAMES
    for i in range(0, NUM_FRAMES, 4):
        np.testing.assert_array_equal(read_frames(path, [i])[0], whole[i])
    np.testing.assert_array_equal(read_frames(path, range(3, 35)), whole[3:35])


@pytest.mark.parametrize("params", ["open-gop=1:keyint=12", "intra-refresh=1:keyint=12"])
def test_equals_whole_decode_without_clean_keyframes(tmp_path, params):
    path = tmp_path / "video.mp4"
    write_video(path, numbered_frames(NUM_FRAMES), 25, options={"x264-params": params})
    whole = read_frames(path)
    picked = np.concatenate([read_frames(path, [i]) for i in range(NUM_FRAMES)])
    np.testing.assert_array_equal(picked, whole)


def test_seeks_instead_of_decoding_all(tmp_path, monkeypatch):
    path = tmp_path / "video.mp4"
    write_video(path, numbered_frames(NUM_FRAMES), 25, options={"g": "10"})
    expected = read_frames(path)[[55, 12]]

    def forbidden(*_):
        raise AssertionError("decoded from the beginning")

    monkeypatch.setattr(random_access, "_scan", forbidden)
    np.testing.assert_array_equal(read_frames(path, [55, 12]), expected)


def test_a_changed_file_is_read_anew(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, numbered_frames(20), 25)
    assert read_frames(path, [19]).shape == (1, 48, 64, 3)
    write_video(path, numbered_frames(30, height=32), 25)
    assert read_frames(path, [29]).shape == (1, 32, 64, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_frames_that_do_not_exist(tmp_path, suffix):
    path = tmp_path / f"video{suffix}"
    write_video(path, numbered_frames(9), 25)
    with pytest.raises(VideoError, match="frame 9 was requested, but the video has only 9 frames"):
        read_frames(path, [0, 9])
    with pytest.raises(VideoError, match="frame -1"):
        read_frames(path, [-1])
    assert read_frames(path, []).shape == (0, 48, 64, 3)
