"""Writes frames to a video file. The same frames always give the same bytes."""

import os
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.video.errors import VideoError
from vidkd_jax.video.frames import EXACT

# Encoder options per codec. x264: CRF 18 is visually lossless, and "cpu-independent" makes the bits
# the same on every processor. MPEG-4: quantiser 3 of 31 is visually lossless, too.
_CODECS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "18", "preset": "veryfast", "x264-params": "cpu-independent=1"},
    "mpeg4": {"qmin": "3", "qmax": "3"},
}
_MAX_DENOMINATOR = 1001  # frame rates such as 30000/1001


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> None:
    """Encodes frames to a video file, deterministically. The file appears only when it is complete.

    Args:
      path: The file to write. Its extension chooses the container (.mp4, .avi, .mkv).
      frames: uint8 [h, w, 3] RGB, all of one size. For libx264 with "yuv420p", h and w must be
        even.
      fps: Frames per second.
      codec: "libx264" or "mpeg4".
      pixel_format: FFmpeg's name of the stored pixel format.
      options: Further options of FFmpeg's encoder, such as {"g": "12"} for a keyframe every 12
        frames.

    Raises:
      InputError: The codec is unknown.
      VideoError: There are no frames, they differ in size, or the encoder rejects them.
    """
    if codec not in _CODECS:
        raise InputError(f"codec: '{codec}' is unknown{suggest(codec, _CODECS)}")
    path = Path(path)
    # The name holds the process id, so that two processes never write to the same partial file.
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        _encode(path, partial, frames, fps, codec, pixel_format, _CODECS[codec] | (options or {}))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _encode(
    path: Path,
    partial: Path,
    frames: Iterable[np.ndarray],
    fps: float,
    codec: str,
    pixel_format: str,
    options: dict[str, str],
) -> None:
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise VideoError(path, "no frames to write")
    try:
        with av.open(str(partial.absolute()), "w", options={"fflags": "+bitexact"}) as container:
            stream = cast(
                av.VideoStream,
                container.add_stream(
                    codec,
                    rate=Fraction(fps).limit_denominator(_MAX_DENOMINATOR),
                    options=options | {"flags": "+bitexact"},
                ),
            )
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = pixel_format
            # One thread, because with several the bits depend on the number of cores.
            stream.codec_context.thread_count = 1
            reformatter = VideoReformatter()
            for pixels in chain([first], iterator):
                if pixels.shape != first.shape:
                    raise VideoError(
                        path, f"frames differ in size: {first.shape} and {pixels.shape}"
                    )
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame = reformatter.reformat(
                    frame, format=pixel_format, interpolation=EXACT, threads=1
                )
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):  # an error of the disk, not of the frames
            raise
        raise VideoError(path, f"{codec} cannot encode: {error.strerror}") from error
