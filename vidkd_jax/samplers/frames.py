"""Arithmetic of frame numbers that samplers share."""

from collections.abc import Sequence

import numpy as np

from vidkd_jax.samplers.sampler import Sampler


def frames_at(start: int, offsets: Sequence[int] | np.ndarray, num_frames: int) -> np.ndarray:
    """Returns the frame numbers `start + offsets`, kept inside the video."""
    numbers = start + np.asarray(offsets, np.int64)
    return np.minimum(np.maximum(numbers, 0), num_frames - 1)


def pick(share: float, count: int) -> int:
    """Returns one of 0..count-1, uniformly where `share` is uniform in [0, 1)."""
    return int(share * count)


def start_at(share: float, num_frames: int, span: int) -> int:
    """Returns one of all starts from which `span` frames lie inside the video, as `pick` does."""
    return pick(share, max(num_frames - span, 0) + 1)


def grid_starts(num_frames: int, span: int, *, step: int, most: int | None) -> list[int]:
    """Returns the starts of all clips `step` frames apart, the tail dropped, at most `most`.

    With None there is no limit.

    A video shorter than one clip has one, so that every video counts. Where there are more than
    `most`, they are spread evenly over the video: a single one is the middle one.
    """
    starts = list(range(0, max(num_frames - span, 0) + 1, step))
    if most == 1:
        return [starts[len(starts) // 2]]
    if most is not None and len(starts) > most:
        chosen = np.linspace(0, len(starts) - 1, most).round().astype(int)
        starts = [starts[i] for i in chosen]
    return starts


def still(frames: Sequence[int]) -> tuple[int, ...]:
    """Returns the middle one of a network's frames, repeated: what one without motion would see."""
    return (frames[len(frames) // 2],) * len(frames)


def still_places(places: Sequence[int] | None, clips: Sampler) -> tuple[int, ...]:
    """Returns the place of a network's middle frame among those that are read, repeated.

    Args:
      places: of the network's own frames; None: it sees all.
      clips: the sampler that reads.
    """
    return still(places or range(clips.centre(clips.span).shape[1]))


def start_beside(student: Sequence[int], teacher: Sequence[int]) -> int:
    """Returns how many frames after a student's clip its teacher's begins: they have one middle.

    Args:
      student: the offsets of its frames, counted from its clip's start.
      teacher: likewise.
    """
    return (student[-1] - teacher[-1]) // 2


def places(wanted: Sequence[int], among: Sequence[int]) -> tuple[int, ...] | None:
    """Returns where the frames that a network sees stand among those of a clip; None: all of it."""
    if tuple(wanted) == tuple(among):
        return None
    return tuple(among.index(frame) for frame in wanted)
