"""Encoding: the same frames give the same bytes, and failures leave nothing behind."""

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.video import VideoError, probe, write_video


def noise(num_frames, height=32, width=48):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(num_frames)]


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".mp4"), ("mpeg4", ".avi")])
def test_same_frames_same_bytes(tmp_path, codec, suffix):
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}{suffix}", noise(10), 25, codec=codec)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("fps", [12.5, 25, 30000 / 1001])
def test_frame_rate(tmp_path, fps):
    write_video(tmp_path / "video.mp4", noise(8), fps)
    info = probe(tmp_path / "video.mp4")
    assert info.fps == pytest.approx(fps, rel=1e-6)
    assert (info.num_frames, info.height, info.width) == (8, 32, 48)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frames"),
        ([*noise(2), *noise(1, height=16)], r"\(32, 48, 3\) and \(16, 48, 3\)"),
        (noise(2, height=33), "libx264 cannot encode"),  # yuv420p has half as many chroma rows
    ],
    ids=["none", "sizes", "odd"],
)
def test_failures_leave_no_file(tmp_path, frames, message):
    with pytest.raises(VideoError, match=message):
        write_video(tmp_path / "video.mp4", frames, 25)
    assert list(tmp_path.iterdir()) == []


def test_unknown_codec(tmp_path):
    with pytest.raises(InputError, match="did you mean 'libx264'"):
        write_video(tmp_path / "video.mp4", noise(1), 25, codec="libx265")
