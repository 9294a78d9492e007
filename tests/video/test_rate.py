"""A video at another frame rate shows, at each moment, the frame that is nearest in time."""

from pathlib import Path

import numpy as np
import pytest
from video_files import encode

from vidkd_jax.errors import InputError
from vidkd_jax.video import VideoStream, probe, random_access, read_frames, write_video
from vidkd_jax.video.opening import open_stream
from vidkd_jax.video.rate import at_rate

REAL = Path(__file__).parents[3] / "shared/videos"


def regular(num_frames, rate, start=0.0):
    return [(i, start + i / rate) for i in range(num_frames)]


@pytest.mark.parametrize(
    ("num_frames", "rate", "fps", "expected"),
    [
        (8, 30, 30, [0, 1, 2, 3, 4, 5, 6, 7]),
        (8, 30, 15, [0, 2, 4, 6]),
        (7, 30, 15, [0, 2, 4, 6]),
        (8, 120, 30, [0, 4]),
        (4, 15, 30, [0, 0, 1, 1, 2, 2, 3]),  # of two that are equally near, the earlier
        (10, 25, 10, [0, 2, 5, 7]),  # 0, 0.1, 0.2, 0.3 s; frames 2 and 3 are equally near 0.1 s
        (1, 30, 10, [0]),
        (0, 30, 10, []),
    ],
)
@pytest.mark.parametrize("start", [0.0, 7.3, -0.5])
def test_constant_rates(num_frames, rate, fps, expected, start):
    assert list(at_rate(regular(num_frames, rate, start), fps, rate)) == expected


def test_a_variable_rate_is_made_even():
    """Frames at 0, 0.1, 0.9, 1.0 and 2.0 seconds, shown every half second."""
    times = [0.0, 0.1, 0.9, 1.0, 2.0]
    assert list(at_rate(zip("abcde", times, strict=True), 2, 2.5)) == ["a", "b", "d", "d", "e"]


def test_frames_without_times_follow_at_the_average_rate():
    assert list(at_rate([(i, None) for i in range(8)], 15, 30)) == [0, 2, 4, 6]


@pytest.mark.parametrize("jump", [-100.0, 90_000.0], ids=["back", "far ahead"])
def test_clocks_of_joined_parts_go_on(jump):
    parts = regular(8, 30) + [(i + 8, time + jump) for i, time in regular(8, 30)]
    assert list(at_rate(parts, 15, 30)) == [0, 2, 4, 6, 8, 10, 12, 14]


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".webm", "libvpx")]
)
def test_a_pause_of_minutes_is_shown(tmp_path, suffix, codec):
    """A camera that records when something moves: two seconds, five minutes of nothing, one."""
    path = tmp_path / f"pause{suffix}"
    images = [np.full((32, 32, 3), 8 * i, np.uint8) for i in range(30)]
    encode(path, images, codec, "yuv420p", [10 * i + 30_000 * (i >= 20) for i in range(30)])
    assert probe(path, fps=2).num_frames == pytest.approx(
        2 * 303, abs=12
    )  # the last frame stays for the mean of all
    found = read_frames(path, [3, 4, 300, 605], fps=2).mean((1, 2, 3))
    np.testing.assert_allclose(found, np.array([15, 19, 19, 25]) * 8, atol=6)


def test_a_pause_of_days_is_damage():
    parts = [(i, i / 10 + 90_000 * (i >= 4)) for i in range(8)]
    assert list(at_rate(parts, 10, 10, 3600)) == [*range(8)]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".ts"])
@pytest.mark.parametrize(("rate", "fps"), [(30, 10), (60, 25), (120, 30), (12, 30)])
def test_every_way_of_reading_agrees(tmp_path, suffix, rate, fps):
    path = tmp_path / f"video{suffix}"
    images = [np.full((32, 32, 3), 4 * i, np.uint8) for i in range(60)]
    codec = "mpeg4" if (suffix, rate) == (".avi", 30) else "libx264"
    write_video(path, images, rate, codec=codec, options={"g": "12"})
    whole = read_frames(path, fps=fps)
    assert len(whole) == probe(path, fps=fps).num_frames
    assert abs(len(whole) - 60 * fps / rate) <= fps / rate
    numbers = np.minimum(np.arange(len(whole)) * rate / fps, 59)
    assert np.abs(whole.mean((1, 2, 3)) - 4 * numbers).max() <= 4 * 0.5 + 3
    for chosen in ([0], [len(whole) - 1, 3, 3], range(2, 5)):
        np.testing.assert_array_equal(read_frames(path, chosen, fps=fps), whole[chosen])
    with VideoStream(path, fps=fps) as stream:
        assert stream.fps == pytest.approx(rate, rel=0.02)  # that of the file


def test_a_file_of_variable_rate(tmp_path, monkeypatch):
    path = tmp_path / "variable.mp4"
    images = [np.full((32, 32, 3), 20 * i, np.uint8) for i in range(10)]
    times = [0, 1, 2, 30, 31, 70, 71, 150, 151, 400]  # hundredths of a second
    encode(path, images, "libx264", "yuv420p", times, options={"bf": "0"})
    whole = read_frames(path, fps=2)  # at 0, 0.5, 1, ... seconds
    frames = np.array([0, 4, 6, 7, 8, 8, 9, 9, 9])
    np.testing.assert_allclose(whole.mean((1, 2, 3)), frames * 20, atol=3)
    monkeypatch.setattr(random_access, "_scan", None)  # it must seek
    np.testing.assert_array_equal(read_frames(path, [8, 1], fps=2), whole[[8, 1]])


def test_an_avi_goes_by_the_times_of_decoding(tmp_path):
    """FFmpeg guesses when frames are shown, and guesses wrongly where there are B-frames."""
    path, noise = tmp_path / "video.avi", np.random.default_rng(0).integers(0, 255, (72, 96, 3))
    images = [np.roll(noise, 2 * i, axis=1).astype(np.uint8) for i in range(40)]
    write_video(path, images, 30, codec="libx264", options={"bf": "3"})
    with open_stream(path) as (container, stream):
        guessed = [frame.pts for frame in container.decode(stream)]
    assert guessed != sorted(guessed)
    np.testing.assert_array_equal(read_frames(path, fps=15), read_frames(path)[::2])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real videos are not on this machine")
@pytest.mark.parametrize(
    ("name", "fps", "num_frames"),
    [("v_ApplyEyeMakeup_g01_c01.avi", 15, 99), ("RATRACE_wave_f_nm_np1_fr_goo_37.avi", 10, 24)],
)
def test_an_avi_with_b_frames_lasts_as_long_as_its_frames(name, fps, num_frames):
    """164 frames at 25, and 72 at 30 a second, whose times of display FFmpeg can only guess."""
    assert probe(REAL / name, fps=fps).num_frames == num_frames
    own = probe(REAL / name)
    np.testing.assert_array_equal(
        read_frames(REAL / name, short_side=16, fps=own.fps),
        read_frames(REAL / name, short_side=16),
    )
    with VideoStream(REAL / name) as stream:
        assert stream.count() == own.num_frames and stream.drift < 1e-9


def test_a_file_of_variable_rate_without_an_average_rate(tmp_path):
    """As screen recordings are; the time stamps say all that is needed."""
    path = tmp_path / "recording.wmv"
    images = [np.full((32, 32, 3), 20 * i, np.uint8) for i in range(10)]
    times = [0, 1, 2, 30, 31, 70, 71, 150, 151, 400]
    encode(path, images, "wmv2", "yuv420p", times)
    assert probe(path).fps == 0
    whole = read_frames(path, fps=2)
    np.testing.assert_allclose(
        whole.mean((1, 2, 3)), np.array([0, 4, 6, 7, 8, 8, 9, 9, 9]) * 20, atol=3
    )
    assert probe(path, fps=2).num_frames == len(whole)
    np.testing.assert_array_equal(read_frames(path, [8, 1], fps=2), whole[[8, 1]])


def test_frames_beyond_the_end_are_named(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, [np.zeros((32, 32, 3), np.uint8)] * 20, 20)
    with pytest.raises(InputError, match="frame 10 was requested, but the video has only 10"):
        read_frames(path, [10], fps=10)


def test_an_absurd_rate_does_not_repeat_a_frame_for_ever():
    found = list(at_rate([("a", 0.0), ("b", None)], 25, 1e-8))
    assert len(found) < 25 * 200 and set(found) == {"a", "b"}


def test_the_times_of_a_video_are_reckoned_once(tmp_path, monkeypatch):
    path, asked = tmp_path / "a.mp4", []
    write_video(path, [np.full((16, 16, 3), 10 * i, np.uint8) for i in range(20)], 30)
    monkeypatch.setattr(random_access, "at_rate", lambda *args: asked.append(1) or at_rate(*args))
    expected = read_frames(path, fps=15)
    for i in (2, 5, 2):
        np.testing.assert_array_equal(read_frames(path, [i], fps=15)[0], expected[i])
    assert len(asked) == 1


def test_a_video_that_lasts_no_time_has_a_frame():
    assert list(at_rate([("a", 0.0)], 15.0, 1e6)) == ["a"]
