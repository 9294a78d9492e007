"""When a video performs its motion, and when it is still, empty or hidden.

All draws are symmetric under time reversal: what precedes a motion is distributed as what follows.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from data_prep.marionette.actors import integer
from data_prep.marionette.presets import Preset


@dataclass(frozen=True)
class Take:
    """One performance: the figure is seen from `enter` to before `leave`, else hidden."""

    enter: int
    start: int
    leave: int
    curtain: bool  # hidden by a curtain, otherwise by not being there


def draw_takes(
    rng: np.random.Generator, preset: Preset, num_frames: int, motion_frames: int
) -> list[Take]:
    """A trimmed video is one take, seen throughout; an untrimmed one has several with gaps.

    The figure never jumps back to the start in sight: such a cut is the opposite class in one
    frame, and a network learns nothing about direction from clips that contain it.
    """
    if preset.takes is None:
        margin = preset.nuisance.margin
        start = int(rng.integers(margin, num_frames - motion_frames - margin + 1))
        return [Take(0, start, num_frames, curtain=False)]
    bounds = np.linspace(0, num_frames, integer(rng, preset.takes) + 1).astype(int).tolist()
    takes = []
    for first, end in itertools.pairwise(bounds):
        # Two gaps and two stretches of stillness share what the motion leaves over.
        spare = end - first - motion_frames
        enter, start, leave = (first + int(x) for x in np.sort(rng.integers(spare + 1, size=3)))
        takes.append(Take(enter, start, leave + motion_frames, bool(rng.integers(2))))
    return takes


def draw_curtain(rng: np.random.Generator, num_frames: int, hardness: float) -> tuple[bool, ...]:
    """Per frame of a trimmed video whether it is hidden: at worst all of the motion is."""
    if rng.random() >= 0.7 * hardness:
        return (False,) * num_frames
    length = int(rng.integers(4, 5 + round(14 * hardness)))
    first = int(rng.integers(num_frames - length + 1))
    return tuple(first <= t < first + length for t in range(num_frames))


def timeline(
    num_frames: int, takes: list[Take], motion_frames: int
) -> tuple[tuple[float | None, ...], tuple[bool, ...]]:
    """Per frame: progress, None where nobody is there; and whether a curtain hides everything."""
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
