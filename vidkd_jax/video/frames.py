"""Converts a decoded frame to an upright uint8 RGB array of a given size."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.buffer import Buffer
from av.video.reformatter import VideoReformatter

from vidkd_jax.video.errors import VideoError, ffmpeg_errors

# Flags of swscale (libswscale/swscale.h): BILINEAR | ACCURATE_RND | BITEXACT. The default
# conversion takes shortcuts that differ between CPUs. With these flags all machines get the same
# pixels.
EXACT = 0x2 | 0x40000 | 0x80000
# The largest side of a JPEG (JPEG_MAX_DIMENSION of libjpeg), and so of stored frames.
MAX_SIDE = 65_500


class ToRGB:
    """Converts the decoded frames of one video to upright uint8 [h, w, 3] RGB.

    Converts any pixel format (10-bit, grey, palette, alpha), and applies the rotation or mirroring
    that the file prescribes to players, as in videos from phones. Stored pixels need not be square
    (DV, HDV, DVD); `shown_size` says what size they are shown at.

    Make one instance for each pass over a video. It makes swscale's tables once, for one thread,
    and reads the orientation of the video from the first frame.
    """

    def __init__(self, path: Path | str) -> None:
        """Takes the path of the video, for error messages."""
        self._path = path
        self._reformatter = VideoReformatter()
        self._matrix: np.ndarray | None = None
        self._is_first = True

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Returns the frame's pixels.

        Raises:
          VideoError: They cannot be converted.
        """
        with ffmpeg_errors(self._path, "frames cannot be converted to RGB"):
            if self._is_first:
                self._matrix, self._is_first = _display_matrix(frame), False
            pixels = _convert(self._reformatter, frame).to_ndarray()
        return pixels if self._matrix is None else _orient(pixels, self._matrix)

    def shown_size(self, pixels: np.ndarray, aspect: Fraction | None) -> tuple[int, int]:
        """Returns the (height, width) at which players show a frame: with square pixels.

        Args:
          pixels: A frame that this instance has converted.
          aspect: Width of a stored pixel by its height; None or 0 means that it is square.
        """
        height, width = pixels.shape[:2]
        if self._matrix is not None and _is_quarter_turn(self._matrix):
            return max(round(height * (aspect or 1)), 1), width
        return height, max(round(width * (aspect or 1)), 1)


def _convert(
    reformatter: VideoReformatter, frame: av.VideoFrame, side: int | None = None
) -> av.VideoFrame:
    return reformatter.reformat(
        frame, width=side, height=side, format="rgb24", interpolation=EXACT, threads=1
    )


def _display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """Returns the elements of the matrix that says how to turn the video, if there is one."""
    # Read the matrix from a tiny copy. PyAV frees a frame whose side data were read only when the
    # garbage collector runs, and a frame of a large video takes megabytes.
    tiny = _convert(VideoReformatter(), frame, side=16)
    try:
        matrix = tiny.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV names no side data where it does not know one of them, such as EXIF
        return rotation_matrix(tiny.rotation) if tiny.rotation else None
    return None if matrix is None else np.frombuffer(bytes(cast(Buffer, matrix)), np.int32)


def rotation_matrix(degrees: int) -> np.ndarray:
    """Returns the elements of a display matrix that turns counterclockwise, without mirroring."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned = [[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 2**14]]
    return np.rint(np.ravel(turned) * 2**16).astype(np.int32)


def _orient(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Applies a display matrix, rounded to a multiple of 90 degrees with or without mirroring.

    FFmpeg's libavutil/display.h defines a row-major 3x3 matrix with x' = a·x + c·y and
    y' = b·x + d·y, where a, b, c, d are elements 0, 1, 3, 4.
    """
    a, b, c, d = matrix[[0, 1, 3, 4]]
    if _is_quarter_turn(matrix):
        pixels, x_sign, y_sign = pixels.transpose(1, 0, 2), c, b
    else:
        x_sign, y_sign = a, d
    pixels = pixels[:, ::-1] if x_sign < 0 else pixels
    pixels = pixels[::-1] if y_sign < 0 else pixels
    return np.ascontiguousarray(pixels)


def _is_quarter_turn(matrix: np.ndarray) -> bool:
    """Returns whether x' depends mostly on y."""
    return bool(abs(matrix[1]) > abs(matrix[0]))


def fit_size(path: Path | str, height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Returns (height, width), scaled so that the shorter one is `short_side` if it is given.

    Raises:
      VideoError: a side is too long then.
    """
    if short_side is not None:
        scale = short_side / min(height, width)
        height, width = (max(short_side, round(side * scale)) for side in (height, width))
    if max(height, width) > MAX_SIDE:
        raise VideoError(path, f"frames of {width}x{height} pixels are too large")
    return height, width


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes uint8 [h, w, 3]; shrinks by area averaging (no aliasing), enlarges bilinearly."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=method)
