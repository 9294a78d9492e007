"""Reads a video in one pass: its properties, and its frames in display order."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from vidkd_jax.video.errors import VideoError, ffmpeg_errors
from vidkd_jax.video.frames import MAX_SIDE, ToRGB, fit_size, resize
from vidkd_jax.video.matroska import matroska_is_cut_off

# Demuxers of FFmpeg that turn other things into "videos": text as ANSI art, and synthetic sources.
_NOT_VIDEO = {"tty", "lavfi"}


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds.

    Attributes:
      num_frames: Number of frames that can be decoded.
      fps: Average frames per second; 0 if the file does not say.
      height: Height of a frame as displayed, in pixels (after rotation, with square pixels).
      width: Width of a frame as displayed, in pixels.
    """

    num_frames: int
    fps: float
    height: int
    width: int


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
        container = _open(str(path.absolute()))  # FFmpeg would read "a:b.mp4" as protocol "a"
    with container:
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
        yield container, stream


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


def _open(name: str) -> av.container.InputContainer:
    try:
        return av.open(name)
    except UnicodeDecodeError:  # PyAV before 19 insists that titles are UTF-8
        return av.open(name, metadata_errors="ignore")


def _is_picture(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def decode_all(path: Path) -> Iterator[av.VideoFrame]:
    """Decodes every frame in display order.

    Raises:
      VideoError: The file is cut off or cannot be decoded, after the frames before that point.
    """
    with open_stream(path) as (container, stream):
        yield from decode_from_here(path, container, stream)


def decode_from_here(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decodes from the current position of the container to its end; see `decode_all`."""
    num_frames = 0
    packets = container.demux(stream)
    while True:
        with ffmpeg_errors(path, f"corrupt after {num_frames} frames"):
            packet = next(packets, None)
            if packet is not None and packet.is_corrupt:
                raise VideoError(path, f"corrupt after {num_frames} frames: data is cut off")
            # Skip empty packets (dropped frames in .avi): the decoder takes them for the end.
            frames = stream.decode(packet) if packet is None or packet.size else []
        for frame in frames:
            num_frames += 1
            yield frame
        if packet is None:
            return


class VideoStream:
    """One pass over the frames of a video, and its properties, known after the first frame.

    A context manager and an iterator over uint8 [h, w, 3] RGB frames. If the resolution changes
    within the video, frames are resized to the size of the first frame.

    Attributes:
      path: The file.
      fps: Average frames per second; 0 if the file does not say.
      height: Height of a frame as displayed, before resizing, in pixels.
      width: Width of a frame as displayed, before resizing, in pixels.
      stored_size: (height, width) of the frames that the iterator yields.
      num_frames: Number of frames yielded so far.
    """

    def __init__(self, path: str | Path, *, short_side: int | None = None) -> None:
        """Opens the video and decodes its first frame.

        Args:
          path: The video file.
          short_side: Length that the shorter side is resized to; None means no resizing.

        Raises:
          VideoError: The file is not a readable video, has no frame, or its frames are too large.
        """
        self.path = Path(path)
        self.num_frames = 0
        self._context = open_stream(self.path)
        container, stream = self._context.__enter__()
        try:
            self.fps = float(stream.average_rate or 0)
            self._decoded = decode_from_here(self.path, container, stream)
            first = next(self._decoded, None)
            if first is None:
                raise VideoError(self.path, "no frame can be decoded")
            self._to_rgb = ToRGB(self.path)
            self._first: np.ndarray | None = self._to_rgb(first)
        except BaseException:
            self.close()
            raise
        self.height, self.width = self._first.shape[:2]
        self.stored_size = fit_size(self.height, self.width, short_side)
        if max(self.stored_size) > MAX_SIDE:
            self.close()
            raise VideoError(
                self.path,
                f"frames of {self.stored_size[1]}x{self.stored_size[0]} pixels are too large",
            )

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the frames, uint8 [h, w, 3]. Can be called only once."""
        first, self._first = self._first, None
        if first is None:
            return
        self.num_frames = 1
        yield resize(first, *self.stored_size)
        del first
        for frame in self._decoded:
            self.num_frames += 1
            yield resize(self._to_rgb(frame), *self.stored_size)

    def count(self) -> int:
        """Decodes the remaining frames without converting them, and returns the number of all."""
        self.num_frames += (self._first is not None) + sum(1 for _ in self._decoded)
        self._first = None
        return self.num_frames

    def close(self) -> None:
        """Closes the file."""
        self._context.__exit__(None, None, None)

    def __enter__(self) -> "VideoStream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def iter_frames(path: str | Path, *, short_side: int | None = None) -> Iterator[np.ndarray]:
    """Decodes and yields every frame as uint8 [h, w, 3] RGB, in display order.

    Raises:
      VideoError: The file is not a readable video. If it is cut off, the error comes after the
        readable frames.
    """
    with VideoStream(path, short_side=short_side) as stream:
        yield from stream


def probe(path: str | Path) -> VideoInfo:
    """Decodes the whole video and returns its properties.

    Raises:
      VideoError: The file is not a readable video, or a part of it cannot be decoded.
    """
    with VideoStream(path) as stream:
        return VideoInfo(stream.count(), stream.fps, stream.height, stream.width)
