"""Reads a video in one pass: its properties, and its frames in display order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import av
import numpy as np

from vidkd_jax.video.errors import VideoError, ffmpeg_errors
from vidkd_jax.video.frames import ToRGB, fit_size, resize
from vidkd_jax.video.joints import Joints
from vidkd_jax.video.opening import open_live, open_stream
from vidkd_jax.video.rate import LONGEST_PAUSE, at_rate

_CUT_OFF = (
    "data is cut off (if it was joined from parts, remux each first: "
    "ffmpeg -i PART.ts -c copy PART.mp4)"
)
# Files that no recordings are joined in by putting one after the other.
_ONE_CLOCK = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "asf", "flv"}


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds.

    Attributes:
      num_frames: Number of frames that can be decoded, or at the rate that was asked for.
      fps: Average frames per second of the file; 0 if the file does not say.
      height: Height of a frame as displayed, in pixels (after rotation, with square pixels).
      width: Width of a frame as displayed, in pixels.
      num_damaged: Number of frames in which FFmpeg found damaged data and filled the gap. Frames
        after such a one are usually wrong, too.
      drift: What `VideoStream.drift` is in the end, where the whole video was decoded to know this.
    """

    num_frames: int
    fps: float
    height: int
    width: int
    num_damaged: int = 0
    drift: float = field(default=0.0, compare=False)


def decode_from_here(
    path: Path | str, container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decodes every frame from the current position of the container, in display order.

    Raises:
      VideoError: The file is cut off or cannot be decoded, after the frames before that point.
    """
    num_frames = 0
    packets = container.demux(stream)
    joints = Joints(container)
    while True:
        with ffmpeg_errors(path, f"corrupt after {num_frames} frames"):
            packet = next(packets, None)
            if packet is not None and joints.data_is_lost(packet):
                raise VideoError(path, f"corrupt after {num_frames} frames: {_CUT_OFF}")
            # Skip empty packets (dropped frames in .avi): the decoder takes them for the end.
            frames = stream.decode(packet) if packet is None or packet.size else []
        for frame in frames:
            num_frames += 1
            yield frame
        if packet is None:
            return


def usual_rate(path: Path | str, stream: av.VideoStream) -> float:
    """Returns the average frames per second, or what FFmpeg takes for the usual rate.

    Of a screen recording (.wmv), in which frames come when something moves, the file may hold the
    times alone.

    Raises:
      VideoError: The file does not say.
    """
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError(path, "has no frame rate, so it cannot be brought to another one")
    return float(rate)


def shown_frames(
    frames: Iterator[av.VideoFrame], path: Path | str, stream: av.VideoStream, fps: float
) -> Iterator[av.VideoFrame]:
    """Brings decoded frames to `fps` frames a second; 0 leaves them as they are. See `at_rate`."""
    if not fps:
        return frames
    stamped = ((frame, shown_at(frame, stream)) for frame in frames)
    rate = usual_rate(path, stream)
    if stream.container.format.name in _ONE_CLOCK:
        return at_rate(stamped, fps, rate, LONGEST_PAUSE)
    return at_rate(stamped, fps, rate)


def shown_at(frame: av.VideoFrame, stream: av.VideoStream) -> float | None:
    """Returns the time of a frame in seconds; None means that the file does not say.

    An .avi has no times at which frames are shown. Those that FFmpeg makes up go back and forth
    where there are B-frames, so the times of decoding count there, which are in order.
    """
    time = frame.dts if stream.container.format.name == "avi" else frame.pts
    return None if time is None else time * float(stream.time_base or 0)


class VideoStream:
    """One pass over the frames of a video, and its properties, known after the first frame.

    A context manager and an iterator over uint8 [h, w, 3] RGB frames. If the resolution changes
    within the video, frames are resized to the size of the first frame.

    Attributes:
      path: The file, or the name of a live source.
      fps: Average frames per second of the file; 0 if the file does not say.
      height: Height of a frame as displayed, before resizing, in pixels.
      width: Width of a frame as displayed, before resizing, in pixels.
      created: When the video was recorded, as the file says, or "".
      stored_size: (height, width) of the frames that the iterator yields.
      num_frames: Number of frames yielded so far.
      num_damaged: Number of damaged frames decoded so far; see `VideoInfo`.
      drift: Most seconds between a frame's time and that of its number at the average rate, so far;
        0 at a rate of one's own, which goes by the times.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        short_side: int | None = None,
        fps: float = 0.0,
        live: bool = False,
    ) -> None:
        """Opens the video and decodes its first frame.

        Args:
          path: The video file; or a camera, a pipe or an address, if `live`.
          short_side: Length that the shorter side is resized to; None means no resizing.
          fps: Frames per second to yield, by `rate.at_rate`; 0 means all frames as they are.
          live: Whether it is no file, but whatever `opening.open_live` opens.

        Raises:
          VideoError: The file is not a readable video, has no frame, or its frames are too large.
        """
        self.path = str(path) if live else Path(path)  # a Path would change an address
        self.num_frames = self.num_damaged = 0
        self.drift = 0.0
        self._context = open_live(str(path)) if live else open_stream(Path(path))
        container, stream = self._context.__enter__()
        try:
            self.fps = float(stream.average_rate or 0)
            self.created = str(container.metadata.get("creation_time", ""))
            frames = decode_from_here(self.path, container, stream)
            decoded = self._counting(frames, None if fps else stream)
            first = self._first(decoded, container) if live else next(decoded, None)
            if first is None:
                raise VideoError(self.path, "no frame can be decoded")
            self._to_rgb = ToRGB(self.path)
            aspect = stream.sample_aspect_ratio
            self.height, self.width = self._to_rgb.shown_size(self._to_rgb(first), aspect)
            self.stored_size = fit_size(self.path, self.height, self.width, short_side)
            self._frames = shown_frames(chain([first], decoded), self.path, stream, fps)
        except BaseException:
            self.close()
            raise

    def _first(
        self, frames: Iterator[av.VideoFrame], container: av.container.InputContainer
    ) -> av.VideoFrame | None:
        """Returns the first frame of a live source.

        Raises:
          VideoError: there is none; of a file in a pipe that must be sought in, it says so.
        """
        try:
            return next(frames, None)
        except VideoError as error:
            if "mp4" not in container.format.name:
                raise
            raise VideoError(
                self.path,
                "this mp4 has its index at the end, so it cannot be read from a pipe; name the "
                "file, or move the index: ffmpeg -i FILE -c copy -movflags +faststart OTHER.mp4",
            ) from error

    def _counting(
        self, frames: Iterator[av.VideoFrame], stream: av.VideoStream | None
    ) -> Iterator[av.VideoFrame]:
        """Yields frames, and counts what is wrong; without a stream, not by their times."""
        begin = None
        for number, frame in enumerate(frames):
            self.num_damaged += frame.is_corrupt
            time = shown_at(frame, stream) if stream is not None and self.fps else None
            if time is not None:
                off = time - number / self.fps
                begin = off if begin is None else begin
                self.drift = max(self.drift, abs(off - begin))
            yield frame

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the frames, uint8 [h, w, 3]. Can be called only once."""
        last, pixels = None, np.empty(0)
        for frame in self._frames:
            if frame is not last:  # a frame that is shown several times is converted once
                last, pixels = frame, resize(self._to_rgb(frame), *self.stored_size)
            self.num_frames += 1
            yield pixels

    def count(self) -> int:
        """Decodes the remaining frames without converting them, and returns the number of all."""
        self.num_frames += sum(1 for _ in self._frames)
        return self.num_frames

    def close(self) -> None:
        """Closes the file."""
        self._context.__exit__(None, None, None)

    def __enter__(self) -> "VideoStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def iter_frames(
    path: str | Path, *, short_side: int | None = None, fps: float = 0.0
) -> Iterator[np.ndarray]:
    """Yields the frames as uint8 [h, w, 3] RGB, in display order; see `VideoStream`.

    Raises:
      VideoError: The file is not a readable video. If it is cut off, the error comes after the
        readable frames.
    """
    with VideoStream(path, short_side=short_side, fps=fps) as stream:
        yield from stream


def probe(path: str | Path, *, fps: float = 0.0) -> VideoInfo:
    """Decodes the whole video and returns its properties; `num_frames` is that of `VideoStream`.

    Raises:
      VideoError: The file is not a readable video, or a part of it cannot be decoded.
    """
    with VideoStream(path, fps=fps) as stream:
        num_frames = stream.count()
        size = stream.height, stream.width
        return VideoInfo(num_frames, stream.fps, *size, stream.num_damaged, stream.drift)
