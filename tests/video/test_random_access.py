"""Reading frame i by seeking gives the same frame as decoding from the beginning."""

from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from video_files import numbered_frames

from vidkd_jax.video import VideoError, iter_frames, probe, random_access, read_frames, write_video

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


def test_a_stream_cut_while_its_picture_is_refreshed_begins_with_its_first_whole_frame(tmp_path):
    """As `ffmpeg -c copy` cuts what cameras send: FFmpeg shows nothing until the picture is whole.

    The packets before that are no frames, so their table would number all frames wrongly.
    """
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    params = {"x264-params": "intra-refresh=1:keyint=50", "bf": "0"}
    write_video(whole, numbered_frames(100, 48, 256), 25, options=params)
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        begin = [i for i, packet in enumerate(packets) if packet.is_keyframe][1]
        for packet in packets[begin:]:
            packet.pts -= packets[begin].dts
            packet.dts = packet.pts
            packet.stream = copy
            target.mux(packet)
    shown = read_frames(cut)
    assert len(shown) < 100 - begin
    picked = np.concatenate([read_frames(cut, [i]) for i in range(len(shown))])
    np.testing.assert_array_equal(picked, shown)
    with pytest.raises(VideoError, match=f"has only {len(shown)}"):
        read_frames(cut, [len(shown)])


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


def without_vops(path, out, dropped, bits_of_time):
    """Copies an MPEG-4 video, with packets that hold no frame in place of some."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        for number, packet in enumerate(packets):
            content = bytes(packet)
            if number in dropped:
                at = content.index(b"\0\0\1\xb6") + 4
                bits = "".join(f"{byte:08b}" for byte in content[at : at + 8])
                kept = bits.index("0", 2) + 2 + bits_of_time + 1  # type and time of the frame
                bits = f"{bits[:kept]}01"  # it is not coded
                bits = bits.ljust(-(-len(bits) // 8) * 8, "1")
                content = content[:at] + bytes(
                    int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)
                )
            new = av.Packet(content)
            new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
            new.is_keyframe, new.duration, new.stream = packet.is_keyframe, packet.duration, copy
            target.mux(new)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_packets_without_a_frame_are_not_counted(tmp_path, suffix):
    """An encoder of MPEG-4 drops frames so."""
    path = tmp_path / "all.mp4"
    write_video(path, numbered_frames(30), 25, codec="mpeg4", options={"g": "10"})
    out = tmp_path / f"dropped{suffix}"
    without_vops(path, out, dropped=(4, 15, 17), bits_of_time=5)
    every = list(iter_frames(out))
    assert len(every) == 27 == probe(out).num_frames
    assert random_access.glance(out) is None
    for number, expected in enumerate(every):
        assert np.array_equal(read_frames(out, [number])[0], expected)


def test_a_decoded_frame_must_be_the_one_that_the_table_has_next():
    table = random_access._Table(np.arange(4), np.array([0]), (8, 8), 1.0, 1.0)
    frames = [SimpleNamespace(pts=pts) for pts in (0, 1, 3)]
    seen = random_access._until(iter(frames), 3, table)
    assert [next(seen).pts, next(seen).pts] == [0, 1]
    with pytest.raises(random_access._TableError):
        next(seen)
    late = random_access._until(iter(frames[2:]), 3, table)
    assert next(late).pts == 3  # decoding may begin anywhere


@pytest.mark.parametrize(
    ("times", "keys", "exact"),
    [
        ((0, 2, 1, 3), (0,), True),
        ((2, 0, 1, 3), (0,), False),  # cut at a keyframe that frames before it need
        ((0, 1, 1, 3), (0,), False),
        ((0, 1, 2, None), (0,), False),
        ((0, 1, 2, 3), (1,), False),
    ],
)
def test_which_packets_determine_the_frames(times, keys, exact):
    packets = [random_access._Packet(t, n in keys, True) for n, t in enumerate(times)]
    assert random_access._is_exact(packets) == exact
