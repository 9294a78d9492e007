"""Opens what can be decoded: video files, and live sources such as cameras and pipes."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from vidkd_jax.video.errors import VideoError, ffmpeg_errors
from vidkd_jax.video.matroska import matroska_is_cut_off

# Demuxers of FFmpeg that turn other things into "videos": text as ANSI art, and synthetic sources.
_NOT_VIDEO = {"tty", "lavfi"}
# A title need not be text. PyAV before 19 insists on UTF-8; since then it has no such option.
_ANY_TITLE: dict[str, Any] = (
    {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
)
_PATIENCE = 30.0  # seconds that an address may take to answer, or to go on


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a file and its first real video stream (not a cover picture), single-threaded.

    Raises:
      VideoError: There is no such file, it is not a video, it has no video stream, or there is no
        decoder for the stream.
    """
    if file_status(path).st_size == 0:
        raise VideoError(path, "empty file (0 bytes)")
    with ffmpeg_errors(path, "not a readable video"):
        if matroska_is_cut_off(path):
            raise VideoError(path, "corrupt: the file is cut off")
        # FFmpeg would read "a:b.mp4" as protocol "a".
        container = av.open(str(path.absolute()), **_ANY_TITLE)
    with container:
        yield container, first_stream(path, container)


def first_stream(path: Path | str, container: av.container.InputContainer) -> av.VideoStream:
    """Returns the first real video stream of a container, set up for decoding.

    Raises:
      VideoError: It is not a video, has no video stream, or there is no decoder for the stream.
    """
    if container.format.name in _NOT_VIDEO:
        raise VideoError(path, "not a video")
    if container.format.name == "image2" or container.format.name.endswith("_pipe"):
        raise VideoError(path, "a picture, not a video")
    streams = [s for s in container.streams.video if not _is_picture(s)]
    if not streams:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise VideoError(path, f"no video stream (holds: {kinds})")
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError(path, "no decoder for its video codec")
    # One thread, because the work is parallel over videos, and because errors then always occur
    # at the same frame.
    stream.codec_context.thread_count = 1
    return stream


@contextmanager
def open_live(name: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a camera, a pipe or an address that FFmpeg reads, and its first real video stream.

    It can be read once, from now on: there is no seeking, and its length is not known.

    Args:
      name: such as /dev/video0, a named pipe, "-" for standard input, or rtsp://HOST/PATH.

    Raises:
      VideoError: FFmpeg cannot open it, or it has no video.
    """
    camera = "v4l2" if name.startswith("/dev/video") else None
    patience = _PATIENCE if "://" in name else None
    source = "pipe:0" if name == "-" else name
    if not (name == "-" or "://" in name):  # a pipe's name may have a colon, as a protocol has
        source = os.path.abspath(name)  # noqa: PTH100 - a Path would change nothing else
    with ffmpeg_errors(name, "not a stream that FFmpeg can open"):
        container = av.open(
            source,
            format=camera,
            timeout=patience,
            **_ANY_TITLE,
        )
    with container:
        yield container, first_stream(name, container)


def is_live(name: str) -> bool:
    """Returns whether a name is that of a camera, a pipe or an address, and not of a file."""
    if name == "-" or "://" in name:
        return True
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - a Path would change addresses
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def file_status(path: Path) -> os.stat_result:
    """Returns the status of a regular file.

    Raises:
      VideoError: There is no regular file with this path.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VideoError(path, "no such file") from error
    except OSError as error:
        raise VideoError(path, str(error.strerror)) from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "not a file")
    return status


def _is_picture(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
