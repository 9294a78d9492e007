"""Reads frames by their exact numbers.

The fast way seeks to the keyframe before the frame, decodes forward and matches time stamps. It
reads the time stamp of frame i from the packets, without decoding them. This works only if
container and codec guarantee one displayed frame per packet. In all other cases (.avi with
B-frames, transport streams, edit lists), and if a decoded time stamp does not match, the video is
decoded from its beginning, which is slower but always correct.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vidkd_jax.video.errors import VideoError, ffmpeg_errors
from vidkd_jax.video.frames import ToRGB, fit_size, resize
from vidkd_jax.video.opening import file_status, open_stream
from vidkd_jax.video.rate import LONGEST_PAUSE, at_rate
from vidkd_jax.video.reader import VideoInfo, decode_from_here, iter_frames, shown_frames

# In these, one packet is one displayed frame with a correct time stamp. That is not true for VP8
# (hidden frames), .avi (no display time stamps) and streams that can start anywhere.
_EXACT_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_EXACT_CODECS = {"h264", "hevc", "mpeg4", "vp9", "mjpeg"}
# Of MPEG-4, a packet of so few bytes may hold no frame: an encoder has dropped one there.
_LARGEST_EMPTY = 15
# The number of tables in the cache; about 50 MB for videos of 300 frames.
_CACHED_TABLES = 20_000


# (height, width) of the result, the pixels of the requested frames by their numbers, and how many
# damaged frames were decoded on the way to them.
_Found = tuple[tuple[int, int], dict[int, np.ndarray], int]


class _Table(NamedTuple):
    """Time stamps of a video.

    Attributes:
      times: Time stamps of the frames in display order, [t], in units of `unit` seconds.
      keyframes: Time stamps of the frames at which decoding can start, [n].
      size: (height, width) of the first frame as displayed.
      unit: Time base of the stream, in seconds.
      rate: Average frames per second; 0 if the file does not say.
    """

    times: np.ndarray
    keyframes: np.ndarray
    size: tuple[int, int]
    unit: float
    rate: float


class _Packet(NamedTuple):
    time: int | None
    is_keyframe: bool
    is_whole: bool


class _TableError(Exception):
    """A decoded time stamp contradicts the table, or the table does not tell enough."""


def read_frames(
    path: str | Path,
    indices: Sequence[int] | None = None,
    *,
    short_side: int | None = None,
    fps: float = 0.0,
) -> np.ndarray:
    """Reads frames of a video by their exact numbers.

    Args:
      path: The video file.
      indices: Frame numbers, counted from 0 in display order. Any order and repeats are allowed.
        None means all frames.
      short_side: Length that the shorter side is resized to, with anti-aliasing; None means no
        resizing.
      fps: Frames per second that the frames are counted at, by `rate.at_rate`; 0 means all frames
        as they are.

    Returns:
      uint8 [t, h, w, 3] RGB, upright; equal to `read_frames(path)[indices]`.

    Raises:
      VideoError: The file is not a readable video, is cut off, or lacks one of the frames.
    """
    if indices is None:
        return np.stack(list(iter_frames(path, short_side=short_side, fps=fps)))
    return read_counted(path, indices, short_side=short_side, fps=fps)[0]


def read_counted(
    path: str | Path,
    indices: Sequence[int],
    *,
    short_side: int | None = None,
    fps: float = 0.0,
) -> tuple[np.ndarray, int]:
    """Returns frames as `read_frames` does, and how many damaged ones were decoded for them."""
    path = Path(path)
    wanted = sorted({int(i) for i in indices})
    if wanted and wanted[0] < 0:
        raise VideoError(path, f"frame {wanted[0]} was requested; frames are numbered from 0")
    size, found, num_damaged = _find(path, wanted, fps, short_side)
    pixels = [found[int(i)] for i in indices]
    shown = np.stack(pixels) if pixels else np.zeros((0, *size, 3), np.uint8)
    return shown, num_damaged


def glance(path: str | Path, *, fps: float = 0.0) -> VideoInfo | None:
    """Returns a video's properties without decoding it, as far as its packets tell them.

    Damaged frames are not counted. See `probe` for the arguments.

    Returns:
      None where the packets do not determine the frames, or the file cannot be read; `probe` then
      knows, or says what is wrong.
    """
    path = Path(path)
    try:
        file = _identified(path)
        table = _read_table(*file)
        if table is None:
            return None
        return VideoInfo(len(_shown_times(*file, fps)), table.rate, *table.size)
    except (_TableError, VideoError):
        return None


def drift(path: str | Path) -> float:
    """Returns what `VideoStream.drift` is in the end, as far as a file's packets tell; else 0.

    Raises:
      VideoError: The file cannot be read.
    """
    table = _read_table(*_identified(Path(path)))
    if table is None or not table.rate:
        return 0.0
    seconds = (table.times - table.times[0]) * table.unit
    return float(np.abs(seconds - np.arange(len(seconds)) / table.rate).max())


def _find(path: Path, wanted: list[int], fps: float, short_side: int | None) -> _Found:
    """Finds the requested frames (`wanted`, sorted), in the fast way if possible.

    Each is converted as soon as it is decoded: a frame of a large video takes megabytes.
    """
    file = _identified(path)
    try:
        if table := _read_table(*file):
            return _seek(path, table, wanted, _shown_times(*file, fps), short_side)
    except (_TableError, VideoError):
        pass  # decoding from the beginning finds them, or says after which frame the video is cut
    return _scan(path, wanted, fps, short_side)


def _identified(path: Path) -> tuple[Path, int, int]:
    """Returns what a cache knows a file by: its path, size and modification time.

    Raises:
      VideoError: There is no regular file with this path.
    """
    status = file_status(path)
    return path.absolute(), status.st_size, status.st_mtime_ns


def _scan(path: Path, wanted: list[int], fps: float, short_side: int | None) -> _Found:
    """Finds the requested frames by decoding from the beginning."""
    size, to_rgb = None, ToRGB(path)
    found = {}
    number, num_damaged, last = -1, 0, None
    missing = set(wanted)
    with open_stream(path) as (container, stream):
        frames = shown_frames(decode_from_here(path, container, stream), path, stream, fps)
        for number, frame in enumerate(frames):
            if size is None:
                size = fit_size(path, *_shown_size(path, frame, stream), short_side)
            num_damaged += frame is not last and frame.is_corrupt
            last = frame
            if number in missing:
                found[number] = resize(to_rgb(frame), *size)
            if not wanted or number == wanted[-1]:
                return size, found, num_damaged
    if size is None:
        raise VideoError(path, "no frame can be decoded")
    raise VideoError(
        path, f"frame {wanted[-1]} was requested, but the video has only {number + 1} frames"
    )


def _seek(
    path: Path, table: _Table, wanted: list[int], times: np.ndarray, short_side: int | None
) -> _Found:
    """Finds the requested frames by decoding from the keyframes before them."""
    size, to_rgb = fit_size(path, *table.size, short_side), ToRGB(path)
    found: dict[int, np.ndarray] = {}  # by time stamp
    num_damaged = 0
    with open_stream(path) as (container, stream):
        if wanted and wanted[-1] >= len(times):
            raise _TableError
        needed = np.unique(times[wanted])
        starts = np.searchsorted(table.keyframes, needed, side="right") - 1
        for start in np.unique(starts):
            group = {*needed[starts == start].tolist()}
            with ffmpeg_errors(path, "seeking failed"):
                container.seek(int(table.keyframes[start]), stream=stream)
            for frame in _until(decode_from_here(path, container, stream), max(group), table):
                num_damaged += frame.is_corrupt
                if frame.pts is not None and frame.pts in group:
                    found[frame.pts] = resize(to_rgb(frame), *size)
    if len(found) < len(needed):
        raise _TableError
    return size, {number: found[int(times[number])] for number in wanted}, num_damaged


@lru_cache(maxsize=_CACHED_TABLES)
def _shown_times(path: Path, num_bytes: int, mtime_ns: int, fps: float) -> np.ndarray:
    """Returns the time stamps of the frames in the order in which they are shown at `fps`."""
    table = _read_table(path, num_bytes, mtime_ns)
    assert table is not None  # who asks has read it
    if not fps:
        return table.times
    if not table.rate:
        raise _TableError
    stamped = ((stamp, stamp * table.unit) for stamp in table.times.tolist())
    return np.array([*at_rate(stamped, fps, table.rate, LONGEST_PAUSE)], np.int64)


def _until(frames: Iterator[av.VideoFrame], last: int, table: _Table) -> Iterator[av.VideoFrame]:
    """Yields frames up to the time stamp `last`.

    Raises:
      _TableError: A frame does not have the time stamp that the table says comes next.
    """
    expected = None
    for frame in frames:
        if frame.pts is None:
            raise _TableError
        number = int(np.searchsorted(table.times, frame.pts))
        if number >= len(table.times) or table.times[number] != frame.pts:
            raise _TableError
        if expected is not None and number != expected:
            raise _TableError
        expected = number + 1
        yield frame
        if frame.pts >= last:
            return


@lru_cache(maxsize=_CACHED_TABLES)
def _read_table(path: Path, num_bytes: int, mtime_ns: int) -> _Table | None:
    """Reads the time stamps of the packets. Returns None if they do not determine the frames.

    Size and modification time are arguments so that the cache does not return the table of a file
    that has changed since.
    """
    del num_bytes, mtime_ns
    first = None
    packets: list[_Packet] = []
    with open_stream(path) as (container, stream):
        if container.format.name not in _EXACT_CONTAINERS:
            return None
        codec = stream.codec_context.name
        if codec not in _EXACT_CODECS:
            return None
        with ffmpeg_errors(path, "corrupt"):
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                is_whole = not (packet.is_discard or packet.is_corrupt or _is_empty(packet, codec))
                packets.append(_Packet(packet.pts, bool(packet.is_keyframe), is_whole))
                if first is None:
                    first = next(iter(stream.decode(packet)), None)
            first = first or next(iter(stream.decode(None)), None)
        if first is None or not _is_exact(packets) or first.pts != packets[0].time:
            return None  # a stream cut where its picture is refreshed bit by bit begins later
        size, unit = _shown_size(path, first, stream), float(stream.time_base or 0)
        rate = float(stream.average_rate or 0)
    times = np.sort(np.array([p.time for p in packets], np.int64))
    keyframes = np.sort(np.array([p.time for p in packets if p.is_keyframe], np.int64))
    return _Table(times, keyframes, size, unit, rate)


def _is_empty(packet: av.Packet, codec: str) -> bool:
    return codec == "mpeg4" and packet.size <= _LARGEST_EMPTY


def _shown_size(path: Path, frame: av.VideoFrame, stream: av.VideoStream) -> tuple[int, int]:
    to_rgb = ToRGB(path)
    return to_rgb.shown_size(to_rgb(frame), stream.sample_aspect_ratio)


def _is_exact(packets: list[_Packet]) -> bool:
    """Returns whether packets are whole, each has its own time stamp, and a keyframe is first."""
    times = [p.time for p in packets if p.time is not None]
    if len(set(times)) < len(packets) or not all(p.is_whole for p in packets):
        return False
    return packets[0].is_keyframe and times[0] == min(times)
