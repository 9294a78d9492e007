"""Draws in which frames a video performs its motion, and in which it is still, empty or hidden.

All draws are symmetric under time reversal: what comes before a motion has the same distribution as
what comes after it.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from data_prep.marionette.actors import integer
from data_prep.marionette.presets import Preset


@dataclass(frozen=True)
class Take:
    """One performance. The figure is visible in frames `enter` to `leave` - 1."""

    enter: int
    start: int
    leave: int
    curtain: bool  # outside these frames, a curtain hides the scene; if False, the figure is absent


def draw_takes(
    rng: np.random.Generator, preset: Preset, num_frames: int, motion_frames: int
) -> list[Take]:
    """Draws the takes: one, always visible, for a trimmed video; several with gaps for another.

    The figure never jumps back to the start of the motion while it is visible. Such a jump would
    show the opposite class in one frame, and clips with it would teach nothing about direction.
    """
    if preset.takes is None:
        margin = preset.nuisance.margin
        start = int(rng.integers(margin, num_frames - motion_frames - margin + 1))
        return [Take(0, start, num_frames, curtain=False)]
    bounds = np.linspace(0, num_frames, integer(rng, preset.takes) + 1).astype(int).tolist()
    takes: list[Take] = []
    for first, end in itertools.pairwise(bounds):
        # The frames around the motion are divided into two gaps and two still periods.
        spare = end - first - motion_frames
        enter, start, leave = (first + int(x) for x in np.sort(rng.integers(spare + 1, size=3)))
        if takes and takes[-1].leave == enter:  # one frame without the figure, between two takes
            enter, start, leave = (max(x, first + 1) for x in (enter, start, leave))
        takes.append(Take(enter, start, leave + motion_frames, bool(rng.integers(2))))
    return takes


def draw_curtain(rng: np.random.Generator, num_frames: int, hardness: float) -> tuple[bool, ...]:
    """Returns, per frame of a trimmed video, whether a curtain hides it.

    The longest curtain can hide the whole motion.
    """
    if rng.random() >= 0.7 * hardness:
        return (False,) * num_frames
    length = int(rng.integers(4, 5 + round(14 * hardness)))
    first = int(rng.integers(num_frames - length + 1))
    return tuple(first <= t < first + length for t in range(num_frames))


def timeline(
    num_frames: int, takes: list[Take], motion_frames: int
) -> tuple[tuple[float | None, ...], tuple[bool, ...]]:
    """Returns, per frame, the progress of the motion (None without a figure), and the curtain.

    The second result is True for frames in which a curtain hides everything.
    """
    progress: list[float | None] = [None] * num_frames
    covered = [False] * num_frames
    bounds = [0, *(take.leave for take in takes[:-1]), num_frames]
    for take, first, end in zip(takes, bounds[:-1], bounds[1:], strict=True):
        for t in range(first, end):
            seen = take.enter <= t < take.leave
            covered[t] = take.curtain and not seen
            if seen:
                done = (t - take.start + 0.5) / motion_frames
                progress[t] = round(min(max(done, 0.0), 1.0), 4)
    return tuple(progress), tuple(covered)
