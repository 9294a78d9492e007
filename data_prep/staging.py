"""Converts one video to one staging file of JPEG frames, which a rerun can use again.

A staging file holds the JPEG frames one after the other, then a JSON footer that describes them,
then the length of the footer. It is written under another name, synced to disk and renamed, so a
file under its final name is always complete.
"""

import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import simplejpeg

from vidkd_jax.video import VideoError, VideoStream, file_status

_FOOTER_LENGTH = struct.Struct("<Q")

Fingerprint = dict[str, str | int | float]


@dataclass(frozen=True)
class StagingTask:
    """Which video to convert, with which settings, and where to put the staging file.

    Attributes:
      source: The video.
      target: The staging file.
      short_side: Of the stored frames, in pixels.
      quality: Of the JPEGs, 1 to 100.
      fps: Frames per second to store; 0 means all frames as they are.
      keep_damaged: Whether to keep a video with damaged frames, instead of skipping it.
    """

    source: Path
    target: Path
    short_side: int
    quality: int
    fps: float = 0.0
    keep_damaged: bool = False


@dataclass(frozen=True)
class StagedVideo:
    """A converted video.

    Attributes:
      path: The staging file.
      fps: Frames per second of the stored frames.
      height: Height of the original frames, in pixels.
      width: Width of the original frames, in pixels.
      stored_height: Height of the stored frames, in pixels.
      stored_width: Width of the stored frames, in pixels.
      num_frames: Number of frames.
      num_bytes: Bytes of all stored frames together.
      num_damaged: Number of decoded frames that FFmpeg had to patch.
      created: When the video was recorded, as the file says, or "".
    """

    path: Path
    fps: float
    height: int
    width: int
    stored_height: int
    stored_width: int
    num_frames: int
    num_bytes: int
    num_damaged: int = 0
    created: str = ""

    def runs(self, length: int) -> Iterator["FrameRun"]:
        """Yields all frames as runs of `length` frames; the last run may be shorter."""
        with self.path.open("rb") as file:
            _, footer = _read_footer(file)
        offset, sizes = 0, footer["frame_bytes"]
        for first in range(0, len(sizes), length):
            run = FrameRun(self.path, first, offset, tuple(sizes[first : first + length]))
            yield run
            offset += sum(run.sizes)


@dataclass(frozen=True)
class FrameRun:
    """Consecutive frames in a staging file.

    Attributes:
      path: The staging file.
      first_frame: Number of the first frame of the run.
      offset: Position of that frame in the file, in bytes.
      sizes: Size of each frame, in bytes.
    """

    path: Path
    first_frame: int
    offset: int
    sizes: tuple[int, ...]

    def read(self) -> list[bytes]:
        """Returns the frames' JPEG bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return [file.read(size) for size in self.sizes]


@dataclass(frozen=True)
class SkippedVideo:
    """A video that cannot be used, and why."""

    path: Path
    cause: str


def stage_video(task: StagingTask) -> StagedVideo | SkippedVideo:
    """Converts one video, or returns the staging file of an earlier run with the same settings.

    Raises:
      OSError: The staging file cannot be written, for example because the disk is full.
    """
    try:
        fingerprint = _fingerprint(task)
        staged = read_staged(task.target, fingerprint) or _convert(task, fingerprint)
    except VideoError as error:
        return SkippedVideo(task.source, error.cause)
    except (MemoryError, cv2.error) as error:
        return SkippedVideo(task.source, f"cannot be resized: {str(error) or 'out of memory'}")
    if staged.num_damaged and not task.keep_damaged:
        return SkippedVideo(
            task.source, f"damaged: FFmpeg had to patch {staged.num_damaged} frames"
        )
    return staged


def _fingerprint(task: StagingTask) -> Fingerprint:
    """Returns what the staging file depends on; a file with another fingerprint is not used."""
    status = file_status(task.source)
    return {
        "source": str(task.source.absolute()),
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "short_side": task.short_side,
        "quality": task.quality,
        "fps": task.fps,
    }


def read_staged(path: Path, fingerprint: Fingerprint) -> StagedVideo | None:
    """Returns the staged video in the file `path`.

    Returns None if there is no file, or it is broken, or its fingerprint differs.
    """
    try:
        with path.open("rb") as file:
            start, footer = _read_footer(file)
        staged = StagedVideo(path=path, **footer["video"])
        is_whole = start == staged.num_bytes == sum(footer["frame_bytes"])
        return staged if is_whole and footer["fingerprint"] == fingerprint else None
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return None  # no such file, or the machine crashed while it was written


def _read_footer(file: BinaryIO) -> tuple[int, dict[str, Any]]:
    """Returns the position of the footer in the file, in bytes, and its content."""
    end = file.seek(-_FOOTER_LENGTH.size, os.SEEK_END)
    (length,) = _FOOTER_LENGTH.unpack(file.read())
    start = file.seek(end - length)
    return start, json.loads(file.read(length))


def _convert(task: StagingTask, fingerprint: Fingerprint) -> StagedVideo:
    """Decodes, resizes, encodes and writes a video; holds one frame in memory at a time."""
    with VideoStream(task.source, short_side=task.short_side, fps=task.fps) as stream:
        jpegs = (
            # 4:2:0, like the source videos; a quarter of the chroma to store and to decode.
            simplejpeg.encode_jpeg(pixels, quality=task.quality, colorsubsampling="420")
            for pixels in stream
        )

        def describe() -> dict[str, Any]:  # known only when all frames are decoded
            return {
                "fps": task.fps or stream.fps,
                "height": stream.height,
                "width": stream.width,
                "stored_height": stream.stored_size[0],
                "stored_width": stream.stored_size[1],
                "num_damaged": stream.num_damaged,
                "created": stream.created,
            }

        return write_staged(task.target, fingerprint, jpegs, describe)


def write_staged(
    target: Path,
    fingerprint: Fingerprint,
    jpegs: Iterable[bytes],
    describe: Callable[[], Mapping[str, Any]],
) -> StagedVideo:
    """Writes a staging file and syncs it to disk; it gets its final name when it is complete.

    Args:
      target: The staging file.
      fingerprint: What the file depends on.
      jpegs: The frames.
      describe: Returns the remaining fields of `StagedVideo`; called after the last frame.

    Raises:
      OSError: The disk is full.
    """
    partial = target.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            frame_bytes = [file.write(jpeg) for jpeg in jpegs]
            sizes = {"num_frames": len(frame_bytes), "num_bytes": sum(frame_bytes)}
            staged = StagedVideo(path=target, **{**describe(), **sizes})
            video = asdict(staged)
            del video["path"]
            footer = {"video": video, "fingerprint": fingerprint, "frame_bytes": frame_bytes}
            encoded = json.dumps(footer).encode()
            file.write(encoded + _FOOTER_LENGTH.pack(len(encoded)))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return staged
