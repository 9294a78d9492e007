"""Clips of videos in one pass and by number: the same frames as the evaluation's, in any case."""

import contextlib
import os
import threading
from fractions import Fraction

import av
import numpy as np
import pytest
from squares import write_square
from video_files import damage, encode, moving_texture, numbered_frames

from vidkd_jax import video
from vidkd_jax.data.clips import ClipSpec, centre_crop
from vidkd_jax.inference import lanes, sources
from vidkd_jax.inference.lanes import read_ahead
from vidkd_jax.inference.sources import Clip, End, Reading, Source, read
from vidkd_jax.samplers import Contiguous, Segments, Tuples
from vidkd_jax.video import write_video

OWN = Contiguous(4, 2)
WIDE = OWN.reading((-3, 0, 1, 2, 4, 6, 9))  # another network sees frames around the clip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Files of several lengths, by number of frames; .avi cannot be sought."""
    folder = tmp_path_factory.mktemp("videos")
    for length in (3, 8, 9, 31, 64):
        write_square(folder / f"{length}.mp4", direction=1, seed=length, num_frames=length)
    encode(folder / "31.avi", list(numbered_frames(31)), "mpeg4", "yuv420p")
    return folder


def reading(clips=OWN, own=OWN, **options):
    return Reading(ClipSpec(clips, 24), own, 36, **options)


def wanted(path, clips, *, most=2**40):
    """What evaluation reads: each clip's frames by their numbers, the window in the middle."""
    frames = video.read_frames(path, short_side=36)
    grid = clips.grid(len(frames), most)
    top, left = centre_crop(*frames.shape[1:3], 24)
    windows = frames[:, top : top + 24, left : left + 24]
    return windows[grid], grid


def found(path, how, index=0):
    *clips, end = read(how, index, Source(str(path)))
    assert isinstance(end, End) and all(isinstance(clip, Clip) for clip in clips)
    return clips, end


@pytest.mark.parametrize("clips", [OWN, WIDE, Contiguous(3, 3), Contiguous(5, 1).reading((2, 9))])
@pytest.mark.parametrize("name", ["3.mp4", "8.mp4", "9.mp4", "31.mp4", "31.avi"])
def test_one_pass_reads_the_clips_of_the_evaluation(videos, name, clips):
    pixels, _ = wanted(videos / name, clips)
    own = Contiguous(clips.frames, clips.stride)
    got, end = found(videos / name, reading(clips, own))
    np.testing.assert_array_equal(np.stack([clip.pixels for clip in got]), pixels)
    assert [clip.number for clip in got] == [*range(len(pixels))]
    grid = own.grid(end.num_frames, 2**40)
    assert [clip.span for clip in got] == [(g.min(), g.max() + 1) for g in grid]
    assert end.num_clips == len(pixels) and end.num_frames == int(name.split(".")[0])


@pytest.mark.parametrize("name", ["64.mp4", "31.avi", "3.mp4"])
@pytest.mark.parametrize("most", [1, 2, 3, 50])
@pytest.mark.parametrize("clips", [WIDE, Tuples(2, 1, 2, 1), Segments(3, 2)])
def test_at_most_so_many_clips_spread_evenly(videos, name, most, clips):
    pixels, grid = wanted(videos / name, clips, most=most)
    got, end = found(videos / name, reading(clips, clips, most=most))
    np.testing.assert_array_equal(np.stack([clip.pixels for clip in got]), pixels)
    assert end.num_clips == len(grid)


@pytest.mark.parametrize("name", ["64.mp4", "31.avi"])
@pytest.mark.parametrize("numbers", [[5 - 2], [0, 2, 1], [1, 0, 3, 2]])
def test_clips_that_are_chosen_by_their_number(videos, name, numbers):
    pixels, grid = wanted(videos / name, WIDE)
    asked = []

    def choose(index, num_clips):
        asked.append((index, num_clips))
        return np.array(numbers)

    got, end = found(videos / name, reading(WIDE, choose=choose), index=7)
    assert asked == [(7, len(grid))] and end.num_clips == len(grid)
    assert [clip.number for clip in got] == sorted(numbers)
    np.testing.assert_array_equal(np.stack([clip.pixels for clip in got]), pixels[sorted(numbers)])


def test_few_clips_are_sought_and_the_rest_is_not_decoded(videos, monkeypatch):
    monkeypatch.setattr(sources, "VideoStream", None)  # one pass is not needed
    found(videos / "64.mp4", reading(most=2))
    found(videos / "64.mp4", reading(choose=lambda index, n: np.array([n - 1])))


def test_frames_at_another_rate(videos):
    frames = video.read_frames(videos / "31.mp4", short_side=36, fps=6.0)
    got, end = found(videos / "31.mp4", reading(fps=6.0))
    assert (end.num_frames, end.fps) == (len(frames), 6.0) and len(frames) == 16  # 12 a second
    top, left = centre_crop(*frames.shape[1:3], 24)
    np.testing.assert_array_equal(
        np.concatenate([clip.pixels[0] for clip in got]),
        frames[OWN.grid(16, 99)[:, 0].ravel(), top : top + 24, left : left + 24],
    )
    _, end = found(videos / "31.mp4", reading(fps=6.0, choose=lambda index, n: np.array([0])))
    assert (end.num_frames, end.fps) == (len(frames), 6.0)


def test_a_clip_can_be_read_again(videos):
    for how, source in ((reading(WIDE), "64.mp4"), (reading(OWN), "31.avi")):
        clips, end = found(videos / source, how)
        again = sources.reread(how, Source(str(videos / source)), end.num_frames, 2)
        np.testing.assert_array_equal(again.pixels, clips[2].pixels)
        assert (again.number, again.span) == (2, clips[2].span)


def test_a_video_that_breaks_off_is_an_error_at_its_end(videos, tmp_path):
    whole = (videos / "31.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 2 // 3])
    _, end = found(tmp_path / "cut.avi", reading())
    assert end.num_clips == 0 and "corrupt after" in end.error.cause
    _, end = found(tmp_path / "none.mp4", reading())
    assert end.error.cause == "no such file"


def test_frames_smaller_than_a_clip(videos):
    how = Reading(ClipSpec(OWN, 40), OWN, 36)
    _, end = found(videos / "8.mp4", how)
    assert "frames of 48x36 pixels are smaller than a clip (40x40)" in end.error.cause


def test_a_pipe_may_have_a_colon_in_its_name(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("a:b.fifo")
    data = (videos / "31.avi").read_bytes()
    threading.Thread(target=(tmp_path / "a:b.fifo").write_bytes, args=(data,), daemon=True).start()
    *got, end = read(reading(), 0, Source("a:b.fifo", live=True))
    assert len(got) == 4 and not end.error


def test_a_pipe_is_a_video(videos, tmp_path):
    pipe, data = tmp_path / "pipe", (videos / "31.avi").read_bytes()
    os.mkfifo(pipe)
    assert video.is_live(str(pipe)) and not video.is_live(str(videos / "31.avi"))
    assert video.is_live("rtsp://camera/1") and video.is_live("-")
    for part, clips in ((data, 4), (data[: len(data) * 2 // 3], 1)):  # it may break off
        thread = threading.Thread(target=pipe.write_bytes, args=(part,))
        thread.start()
        *got, end = read(reading(), 0, Source(str(pipe), live=True))
        thread.join()
        pixels, _ = wanted(videos / "31.avi", OWN)
        np.testing.assert_array_equal(np.stack([each.pixels for each in got]), pixels[:clips])
        assert (end.num_clips, end.fps) == (clips, video.probe(videos / "31.avi").fps)
    assert "corrupt after" in end.error.cause


def test_a_stream_that_breaks_before_its_first_frame_is_an_error(videos, monkeypatch):
    """Its first frame is held back until the next one tells when it is."""

    def broken(_):
        raise video.VideoError("camera", "corrupt after 1 frame")
        yield

    monkeypatch.setattr(sources.VideoStream, "__iter__", broken)
    (end,) = read(reading(), 0, Source(str(videos / "31.mp4"), live=True))
    assert isinstance(end, End) and "corrupt after 1 frame" in end.error.cause


def test_a_live_source_that_is_not_there_and_one_that_would_need_its_length(tmp_path):
    (end,) = read(reading(), 0, Source("rtsp://127.0.0.1:9/x", live=True))
    assert str(end.error).startswith("rtsp://127.0.0.1:9/x: not a stream that FFmpeg can open")
    (end,) = read(reading(Segments(3), Segments(3)), 0, Source("rtsp://x", live=True))
    assert "has no known length, but the run sees a frame of each of 3" in end.error.cause


def test_videos_are_read_ahead_in_their_order(videos):
    names = ["31.mp4", "none.mp4", "8.mp4", "64.mp4"] * 5
    many = [Source(str(videos / name)) for name in names]
    ends = [
        (index, each.num_clips)
        for index, each in read_ahead(many, reading(), threads=3)
        if isinstance(each, End)
    ]
    assert ends == [(i, {"31": 4, "no": 0, "8.": 1, "64": 8}[n[:2]]) for i, n in enumerate(names)]


def test_a_stream_is_opened_when_it_is_its_turn(videos, monkeypatch):
    opened = []
    monkeypatch.setattr(
        lanes, "read", lambda _, index, source: opened.append(index) or iter([End(index + 1)])
    )
    many = [Source("a"), Source("-", live=True), Source("b"), Source("c")]
    ends = []
    for index, _ in read_ahead(many, reading(), threads=3):
        ends.append(index)
        assert max(opened) <= (0 if index == 0 else 3)
    assert ends == [0, 1, 2, 3] == opened


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".webm", "libvpx")]
)
def test_frames_at_uneven_times_are_told(tmp_path, suffix, codec):
    """Ten frames in a third of a second, then ten in ten seconds: clips are not where they seem."""
    path = tmp_path / f"uneven{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width, stream.pix_fmt = 36, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((36, 48, 3), 9 * number, np.uint8))
            frame.pts = number if number < 10 else 10 + 30 * (number - 10)
            frame.time_base = Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, streamed = found(path, reading())
    _, sought = found(path, reading(choose=lambda index, n: np.array([0])))
    assert streamed.drift > 2 and sought.drift == pytest.approx(streamed.drift, abs=0.05)
    _, even = found(path, reading(fps=6.0))
    assert even.drift == 0


def test_an_mp4_in_a_pipe_whose_index_is_at_the_end_is_told(tmp_path):
    """One that is larger than what FFmpeg keeps of a pipe."""
    pipe, rng = tmp_path / "pipe", np.random.default_rng(0)
    write_video(tmp_path / "a.mp4", rng.integers(0, 256, (40, 64, 64, 3), np.uint8), 25)
    os.mkfifo(pipe)
    content = (tmp_path / "a.mp4").read_bytes()

    def fill():
        with contextlib.suppress(BrokenPipeError), pipe.open("wb") as file:
            file.write(content)

    threading.Thread(target=fill, daemon=True).start()
    (*_, end) = read(reading(), 0, Source(str(pipe), live=True))
    assert "has its index at the end, so it cannot be read from a pipe" in str(end.error)


def test_what_reading_raises_reaches_the_reader(videos):
    def choose(index, num_clips):
        raise RuntimeError("in a thread")

    with pytest.raises(RuntimeError, match="in a thread"):
        list(read_ahead([Source(str(videos / "8.mp4"))], reading(choose=choose), threads=1))


def test_damage_is_counted_where_frames_are_sought_too(tmp_path):
    path = tmp_path / "damaged.mp4"
    write_video(path, moving_texture(120, 120, 160), 30, codec="mpeg4", options={"g": "30"})
    damage(path, 0.5)
    chosen = {}
    for number in range(15):
        *_, end = read(reading(choose=lambda *_, n=number: np.array([n])), 0, Source(str(path)))
        chosen[number] = end.num_damaged
    assert max(chosen.values()) > 0 and min(chosen.values()) == 0


def test_a_live_source_can_be_ended(videos):
    source = Source(str(videos / "31.mp4"), live=True)
    frames = iter([False] * 11 + [True])
    *clips, end = read(reading(ended=lambda: next(frames)), 0, source)
    assert end.num_frames == 12 and len(clips) == end.num_clips == 1
    assert "was ended by hand" in end.error.cause


def test_reading_that_is_given_up_leaves_no_thread(videos):
    before = {*threading.enumerate()}
    ahead = read_ahead([Source(str(videos / "64.mp4"))] * 4, reading(), threads=3)
    next(ahead)
    assert {*threading.enumerate()} - before
    ahead.close()
    assert not [t for t in {*threading.enumerate()} - before if t.is_alive()]
