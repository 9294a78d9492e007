"""Reads files as people have them: rotated, 10-bit, grey, odd sizes, variable rate, cut off."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import (
    CORNERS,
    corners,
    cut,
    damage,
    encode,
    encode_audio,
    moving_texture,
    photographs,
    set_display_matrix,
)

from vidkd_jax.errors import InputError
from vidkd_jax.video import VideoError, VideoStream, iter_frames, probe, read_frames, write_video
from vidkd_jax.video.errors import ffmpeg_errors
from vidkd_jax.video.frames import fit_size, resize, rotation_matrix
from vidkd_jax.video.opening import open_live

NO_LOSS = {"crf": "1"}
TASKS = Path("/proc/self/task")


def assert_corners(pixels, expected):
    height, width = pixels.shape[:2]
    found = pixels[height // 4 :: height // 2, width // 4 :: width // 2]
    np.testing.assert_allclose(found.astype(int), expected, atol=12)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (100, 100, 100), (200, 30, 90)])
def test_colours_survive_encoding_and_decoding(tmp_path, colour):
    image = np.full((32, 48, 3), colour, np.uint8)
    write_video(tmp_path / "video.mp4", [image] * 3, 25, options=NO_LOSS)
    assert np.abs(read_frames(tmp_path / "video.mp4").astype(int) - image).max() <= 3


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((0, 1, -1, 0), np.rot90(CORNERS, -1)),  # shown a quarter turn clockwise
        ((0, -1, 1, 0), np.rot90(CORNERS, 1)),
        ((-1, 0, 0, -1), np.rot90(CORNERS, 2)),
        ((-1, 0, 0, 1), CORNERS[:, ::-1]),  # a mirrored selfie
        ((1, 0, 0, 1), CORNERS),
    ],
)
def test_rotation_is_applied(tmp_path, matrix, expected):
    path = tmp_path / "phone.mp4"
    write_video(path, [corners()] * 5, 25, options=NO_LOSS)
    set_display_matrix(path, *matrix)
    info = probe(path)
    turned = matrix[0] == 0
    assert (info.height, info.width) == ((48, 32) if turned else (32, 48))
    assert_corners(read_frames(path)[0], expected)
    assert_corners(read_frames(path, [4])[0], expected)
    assert read_frames(path, [0], short_side=16).shape == (
        (1, 24, 16, 3) if turned else (1, 16, 24, 3)
    )


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_a_rotation_alone_turns_a_frame_as_its_matrix_does(tmp_path, degrees):
    path = tmp_path / "phone.mp4"
    write_video(path, [corners()] * 2, 25, options=NO_LOSS)
    set_display_matrix(path, *{90: (0, -1, 1, 0), -90: (0, 1, -1, 0), 180: (-1, 0, 0, -1)}[degrees])
    with av.open(path) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation in (degrees, degrees - 360)
        matrix = np.frombuffer(bytes(frame.side_data.get("DISPLAYMATRIX")), np.int32)
    np.testing.assert_array_equal(rotation_matrix(frame.rotation), matrix)


@pytest.mark.parametrize("suffix", [".avi", ".mov", ".mkv"])
def test_frames_with_side_data_that_pyav_does_not_know(tmp_path, suffix):
    """As of a time-lapse that is made of photographs: each JPEG has EXIF."""
    path = tmp_path / f"photographs{suffix}"
    photographs(path, [np.full((64, 64, 3), 20 * n, np.uint8) for n in range(5)])
    info = probe(path)
    assert (info.num_frames, info.height, info.width) == (5, 64, 64)
    assert read_frames(path)[:, 0, 0, 0] == pytest.approx(range(0, 100, 20), abs=2)


@pytest.mark.parametrize(
    ("aspect", "size", "small"),
    [
        (Fraction(4, 3), (36, 64), (18, 32)),  # HDV: 1440x1080 is shown as 1920x1080
        (Fraction(8, 9), (36, 43), (18, 22)),  # DV, NTSC: 720x480 is shown as 640x480
        (Fraction(1), (36, 48), (18, 24)),
        (None, (36, 48), (18, 24)),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_pixels_that_are_not_square(tmp_path, aspect, size, small, suffix):
    """A video is read as players show it, however it is read."""
    path = tmp_path / f"camcorder{suffix}"
    images = [corners(36, 48)] * 3
    encode(path, images, "mpeg4", "yuv420p", options={"qmin": "1", "qmax": "1"}, aspect=aspect)
    info = probe(path)
    assert (info.height, info.width) == size
    whole = read_frames(path, short_side=18)
    assert whole.shape == (3, *small, 3)
    np.testing.assert_array_equal(read_frames(path, [2], short_side=18), whole[2:])
    assert read_frames(path).shape == (3, *size, 3)
    assert_corners(read_frames(path)[0][:36, : size[1] // 2 * 2], CORNERS)


def test_pixels_that_are_not_square_in_a_turned_video(tmp_path):
    path = tmp_path / "turned.mp4"
    encode(path, [corners(36, 48)] * 3, "libx264", "yuv420p", aspect=Fraction(4, 3))
    set_display_matrix(path, 0, 1, -1, 0)
    assert read_frames(path, [1]).shape == read_frames(path)[1:2].shape == (1, 64, 36, 3)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libx264", ".mp4"), ("libx264", ".mkv"), ("mpeg4", ".mp4"), ("mpeg4", ".avi")],
)
def test_damage_that_ffmpeg_conceals_is_counted(tmp_path, codec, suffix):
    path = tmp_path / f"video{suffix}"
    write_video(path, moving_texture(60, 120, 160), 30, codec=codec, options={"g": "30"})
    assert probe(path).num_damaged == 0
    damage(path, 0.5)
    assert probe(path).num_damaged > 0


def test_a_joined_transport_stream_is_read(tmp_path):
    """The count of its packets is broken at the joint, as it is where data is lost."""
    path, joined = tmp_path / "part.ts", tmp_path / "joined.ts"
    write_video(path, moving_texture(40), 30)
    joined.write_bytes(path.read_bytes() * 2)
    assert probe(joined).num_frames == 80 and probe(joined).num_damaged == 0
    part, whole = read_frames(path), read_frames(joined)
    np.testing.assert_array_equal(whole, np.concatenate([part, part]))
    np.testing.assert_array_equal(read_frames(joined, [39, 40, 79]), whole[[39, 40, 79]])


def test_a_transport_stream_that_lacks_data_is_refused(tmp_path):
    path = tmp_path / "video.ts"
    write_video(path, moving_texture(40), 30)
    packets = path.read_bytes()
    middle = len(packets) // 188 // 2 * 188
    path.write_bytes(packets[:middle] + packets[middle + 3 * 188 :])
    message = r"corrupt after \d+ frames: data is cut off .*remux each first: ffmpeg -i PART"
    with pytest.raises(VideoError, match=message):
        probe(path)


def test_decoded_frames_do_not_pile_up(tmp_path):
    """Frames are freed without the garbage collector, and no threads stay alive."""
    path = tmp_path / "video.mp4"
    write_video(path, [corners()] * 40, 25)

    def alive():
        return sum(type(found) is av.VideoFrame for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before, threads = alive(), set(TASKS.glob("*"))  # TASKS exists only on Linux
        for _ in iter_frames(path):
            pass
        read_frames(path, range(0, 40, 2))
        assert alive() - before <= 5  # the tiny copies that the orientation is read from
        # A thread that an earlier test left behind may end meanwhile.
        assert set(TASKS.glob("*")) <= threads
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264", "yuv420p10le", ".mp4"),
        ("libx264", "yuv444p", ".mp4"),
        ("ffv1", "yuv422p10le", ".mkv"),
        ("mjpeg", "yuvj420p", ".avi"),
        ("libvpx-vp9", "yuv420p", ".webm"),
        ("libvpx", "yuv420p", ".webm"),
        ("mpeg2video", "yuv420p", ".mpg"),
        ("rawvideo", "rgb24", ".mov"),
    ],
)
def test_codecs_and_pixel_formats(tmp_path, codec, pixel_format, suffix):
    path = tmp_path / f"video{suffix}"
    images = [corners(height=64, width=96)] * 12
    encode(path, images, codec, pixel_format, options={"b": "2000000"})
    assert probe(path).num_frames == 12
    frames = read_frames(path)
    assert frames.dtype == np.uint8
    assert_corners(frames[-1], CORNERS)
    np.testing.assert_array_equal(read_frames(path, [11])[0], frames[11])


def test_grey_video_becomes_rgb(tmp_path):
    path = tmp_path / "grey.mp4"
    encode(path, [corners()] * 4, "libx264", "gray", options=NO_LOSS)
    frames = read_frames(path)
    assert frames.shape == (4, 32, 48, 3)
    assert np.ptp(frames, axis=-1).max() <= 1
    assert frames.std() > 30


@pytest.mark.parametrize(("height", "width"), [(33, 47), (31, 31), (35, 64), (5, 7)])
def test_odd_sizes(tmp_path, height, width):
    path = tmp_path / "odd.avi"
    image = np.full((height, width, 3), (200, 80, 30), np.uint8)
    write_video(path, [image] * 3, 25, codec="mpeg4", options={"qmin": "1", "qmax": "1"})
    frames = read_frames(path)
    assert frames.shape == (3, height, width, 3)
    assert np.abs(frames.astype(int) - image).max() <= 8  # also in the last row and column


def test_variable_frame_rate(tmp_path):
    path = tmp_path / "variable.mp4"
    images = [np.full((32, 32, 3), 20 * i, np.uint8) for i in range(10)]
    times = [0, 1, 2, 30, 31, 70, 71, 150, 151, 400]  # hundredths of a second
    encode(path, images, "libx264", "yuv420p", times, options={"bf": "0"})
    frames = read_frames(path)
    np.testing.assert_allclose(frames.mean((1, 2, 3)), np.arange(10) * 20, atol=3)
    np.testing.assert_array_equal(read_frames(path, [8, 3]), frames[[8, 3]])
    assert 2 < probe(path).fps < 3  # 10 frames in about 4 seconds


def test_resolution_change_in_mid_stream(tmp_path):
    path = tmp_path / "change.h264"
    content = b""
    for part, size in enumerate([32, 64]):
        image = np.full((size, 2 * size, 3), 90 + 60 * part, np.uint8)
        write_video(tmp_path / "part.h264", [image] * 5, 25)
        content += (tmp_path / "part.h264").read_bytes()
    path.write_bytes(content)
    frames = read_frames(path)
    assert frames.shape == (10, 32, 64, 3)
    np.testing.assert_allclose(frames.mean((1, 2, 3)), [90] * 5 + [150] * 5, atol=3)
    np.testing.assert_array_equal(read_frames(path, [9])[0], frames[9])


def test_one_frame(tmp_path):
    path = tmp_path / "one.mp4"
    write_video(path, [corners()], 25)
    assert probe(path).num_frames == 1
    assert read_frames(path, [0]).shape == read_frames(path).shape == (1, 32, 48, 3)


def test_extension_does_not_matter(tmp_path):
    write_video(tmp_path / "video.mp4", [corners()] * 4, 25)
    wrong = (tmp_path / "video.mp4").rename(tmp_path / "video.avi")
    assert probe(wrong).num_frames == 4


def test_titles_that_are_not_utf8(tmp_path):
    path = tmp_path / "old.avi"
    encode(path, [corners()] * 3, "mpeg4", "yuv420p", title="TITLE")
    data = path.read_bytes()
    assert b"TITLE" in data
    path.write_bytes(data.replace(b"TITLE", b"\xff\xfe\xfaLE"))
    assert probe(path).num_frames == 3
    with open_live(str(path)) as (container, stream):  # a pipe cannot be opened twice
        assert len(list(container.decode(stream))) == 3


def test_names_that_ffmpeg_would_misread(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ["http:x.mp4", "%03d.mp4", "ein Film, gedreht (größer) #1.mp4"]:
        write_video(name, [corners()] * 2, 25)
        assert probe(name).num_frames == 2


def test_short_side_is_averaged_not_aliased(tmp_path):
    path = tmp_path / "stripes.mp4"
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    write_video(path, [stripes] * 2, 25, pixel_format="yuv444p", options=NO_LOSS)
    small = next(iter_frames(path, short_side=16))
    assert small.shape == (16, 24, 3)
    assert np.abs(small.astype(int) - 128).max() < 12


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((240, 320), 128, (128, 171)),
        ((320, 240), 128, (171, 128)),
        ((100, 50), 128, (256, 128)),
        ((240, 240), 240, (240, 240)),
        ((240, 320), None, (240, 320)),
    ],
)
def test_fit_size(size, short_side, expected):
    assert fit_size("video.mp4", *size, short_side) == expected
    assert resize(np.zeros((*size, 3), np.uint8), *expected).shape == (*expected, 3)


def test_frames_that_no_jpeg_could_hold(tmp_path):
    path = tmp_path / "line.avi"
    write_video(path, [np.zeros((16, 2048, 3), np.uint8)], 25, codec="mpeg4")
    with pytest.raises(VideoError, match="too large"):
        VideoStream(path, short_side=2000)
    with pytest.raises(VideoError, match="too large"):  # nor where a clip of it is sought
        read_frames(path, [0], short_side=2000)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4", ".webm"])
@pytest.mark.parametrize("part", [0.02, 0.4, 0.8])
def test_cut_off_is_an_error(tmp_path, suffix, part):
    path = tmp_path / f"video{suffix}"
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(30)]
    encode(path, images, "libvpx-vp9" if suffix == ".webm" else "mpeg4", "yuv420p")
    cut(path, part)
    with pytest.raises(VideoError, match=str(path)):
        probe(path)


def test_cut_off_after_good_frames_says_how_many(tmp_path):
    path = tmp_path / "streamable.mp4"  # its table of contents comes first
    rng = np.random.default_rng(0)  # noise, so that frames take equal parts of the file
    images = [rng.integers(0, 256, (32, 48, 3), np.uint8) for _ in range(30)]
    one_thread = {"threads": "1"}  # with several threads, the encoder's bytes would vary
    streamable = {"movflags": "faststart"}
    encode(path, images, "libx264", "yuv420p", options=one_thread, file_options=streamable)
    cut(path, 0.8)
    good = []
    with pytest.raises(VideoError, match=r"corrupt after \d+ frames") as caught:
        good.extend(iter_frames(path))
    assert 0 < len(good) < 30
    assert f"after {len(good)} frames" in str(caught.value)


def test_live_recording_without_length_is_not_cut_off(tmp_path):
    path = tmp_path / "live.mkv"
    with av.open(str(path), "w", options={"live": "1"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for _ in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corners(), format="rgb24")))
        container.mux(stream.encode(None))
    assert probe(path).num_frames == 6


@pytest.mark.parametrize(
    ("name", "write", "cause"),
    [
        ("missing.mp4", lambda path: None, "no such file"),
        ("folder.mp4", lambda path: path.mkdir(), "not a file"),
        ("empty.mp4", lambda path: path.write_bytes(b""), "empty file"),
        ("text.mp4", lambda path: path.write_text("a film\n" * 99), "not a readable video"),
        ("notes.txt", lambda path: path.write_text("a film\n" * 99), "not a video"),
        ("noise.avi", lambda path: path.write_bytes(b"\x8f\x13\x77" * 999), "not a readable video"),
        ("sound.mp4", encode_audio, r"no video stream \(holds: audio\)"),
        (
            "list.mp4",
            lambda path: path.write_text("#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1/a.ts\n"),
            "not a readable video",
        ),
    ],
)
def test_what_is_no_video_is_named_with_its_cause(tmp_path, name, write, cause):
    path = tmp_path / name
    write(path)
    for read in (probe, read_frames, lambda path: read_frames(path, [0])):
        with pytest.raises(VideoError, match=cause) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, InputError)


def test_cover_picture_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    encode_audio(path, cover=corners())
    with pytest.raises(VideoError, match="no video stream"):
        probe(path)


def test_a_file_that_asks_for_too_much_memory_is_to_blame():
    with (
        pytest.raises(VideoError, match=r"a\.mp4: corrupt: asks for more memory"),
        ffmpeg_errors("a.mp4", "corrupt"),
    ):
        raise av.error.MemoryError(12, "Cannot allocate memory")
    with pytest.raises(MemoryError), ffmpeg_errors("a.mp4", "corrupt"):
        raise MemoryError  # of Python: the machine's
