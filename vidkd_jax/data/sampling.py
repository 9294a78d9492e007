"""Clip samplers: from a number of frames to the numbers of the frames that make a clip.

Frame numbers are int64 [t], in 0..num_frames-1; where a video is too short its last frame is
repeated (TY, section III.C.1).
"""

from collections.abc import Sequence

import numpy as np


def frames_at(start: int, offsets: Sequence[int] | np.ndarray, num_frames: int) -> np.ndarray:
    """Returns the frame numbers `start + offsets`, kept inside the video."""
    numbers = start + np.asarray(offsets, np.int64)
    return np.minimum(np.maximum(numbers, 0), num_frames - 1)


def pick(share: float, count: int) -> int:
    """Returns one of 0..count-1, uniformly where `share` is uniform in [0, 1)."""
    return int(share * count)


def start_at(share: float, num_frames: int, *, frames: int, stride: int) -> int:
    """Returns a start, among all whose clip lies inside the video, as `pick` does."""
    return pick(share, max(num_frames - ((frames - 1) * stride + 1), 0) + 1)


def grid_starts(num_frames: int, *, frames: int, stride: int, max_clips: int) -> list[int]:
    """Returns the starts of all non-overlapping clips, the tail dropped, at most `max_clips`.

    A video shorter than one clip has one, so that every video counts. Where there are more than
    `max_clips`, they are spread evenly over the video: a single one is the middle one.
    """
    step, span = frames * stride, (frames - 1) * stride + 1
    starts = list(range(0, max(num_frames - span, 0) + 1, step))
    if max_clips == 1:
        return [starts[len(starts) // 2]]
    if len(starts) > max_clips:
        chosen = np.linspace(0, len(starts) - 1, max_clips).round().astype(int)
        starts = [starts[i] for i in chosen]
    return starts


def centre_start(num_frames: int, *, frames: int, stride: int) -> int:
    """Returns the start of the clip in the middle of the video."""
    return max((num_frames - ((frames - 1) * stride + 1)) // 2, 0)


def still(numbers: np.ndarray) -> np.ndarray:
    """Returns the clip's middle frame, repeated: what a model without motion would see."""
    return np.full_like(numbers, numbers[len(numbers) // 2])


def crop_at(top: float, left: float, height: int, width: int, size: int) -> tuple[int, int]:
    """Returns (top, left) of a window of `size` pixels, as `pick` does."""
    return pick(top, height - size + 1), pick(left, width - size + 1)


def centre_crop(height: int, width: int, size: int) -> tuple[int, int]:
    """Returns (top, left) of the window of `size` pixels in the middle."""
    return (height - size) // 2, (width - size) // 2
