"""Latent variables of one video and the distributions that they are drawn from.

Each distribution is symmetric under time reversal (random phases, speeds of both signs, holds that
exchange), since a backward class plays its frames backwards: no nuisance tells the direction.
Everything is drawn from (seed, group, motion, clip), so the two classes of a motion in one group
are each other's exact reversal.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from data_prep.marionette.actions import MOTIONS, motion_of
from data_prep.marionette.actors import (
    Colour,
    Outfit,
    draw_body,
    draw_colour,
    draw_outfit,
    uniform,
)
from data_prep.marionette.poses import Body
from data_prep.marionette.presets import Nuisance, Preset


@dataclass(frozen=True)
class Wave:
    """A sine over frames with a uniformly random phase (in turns)."""

    amplitude: float
    period: float
    phase: float

    def at(self, t: int) -> float:
        """The value in frame `t`."""
        return self.amplitude * math.sin(2.0 * math.pi * (t / self.period + self.phase))


@dataclass(frozen=True)
class Camera:
    """Pan in frame heights and relative zoom."""

    pan_x: Wave
    pan_y: Wave
    zoom: Wave


@dataclass(frozen=True)
class Light:
    """Contrast, gain and flicker, and a gain for each of red, green and blue."""

    contrast: float
    gain: float
    flicker: Wave
    tint: tuple[float, float, float]


@dataclass(frozen=True)
class Drifter:
    """A flat thing that crosses the frame at constant speed: a distractor or an occluder.

    Lengths are in frame heights, `speed` in frame heights a frame; it wraps around.
    """

    kind: str  # rectangle or disc
    x: float
    y: float
    width: float
    height: float
    speed: float
    bob: Wave
    colour: Colour


@dataclass(frozen=True)
class Bystander:
    """A second figure further back with a motion of its own, in either direction."""

    outfit: Outfit
    body: Body
    motion: str
    backward: bool
    mirror: bool
    start: int
    motion_frames: int
    size: float
    x: float
    floor: float


@dataclass(frozen=True)
class Latents:
    """All that varies between the videos of one actor.

    Frames count in the motion's own time: a backward class plays them from last to first.
    """

    num_frames: int
    carry: bool  # the box is held at the chest all the time
    mirror: bool
    extent: tuple[float, float]  # the part of the motion that is performed, within (0, 1)
    style: tuple[float, ...]  # degrees added to each joint angle
    size: float  # body height in frame heights
    x: float  # where the figure stands, in frame heights from the left
    floor: float  # height of the floor in the frame, in frame heights from the top
    motion_frames: int  # the speed: how many frames one motion takes
    starts: tuple[int, ...]  # the phase: the first frame of each motion
    camera: Camera
    light: Light
    noise: int
    occluder: Drifter | None
    distractors: tuple[Drifter, ...]
    bystander: Bystander | None
    progress: tuple[float | None, ...]  # of the motion, 0 to 1; None where nobody is there
    covered: tuple[bool, ...]  # a curtain hides everything


def draw_latents(preset: Preset, seed: int, group: int, label: int, clip: int) -> Latents:
    """The latents of a video: a pure function of its arguments, shared by a class and its twin."""
    key = (1, group, label // 2, clip)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    nuisance = preset.nuisance
    num_frames = _integer(rng, preset.frames)
    if preset.takes is not None:
        num_frames -= num_frames % 16
    motion_frames = _integer(rng, nuisance.motion_frames)
    takes = _draw_takes(rng, preset, num_frames, motion_frames)
    progress, covered = _timeline(num_frames, takes, motion_frames)
    return Latents(
        num_frames=num_frames,
        carry=bool(rng.integers(2)) and motion_of(label).may_carry,
        mirror=bool(rng.integers(2)),
        extent=(uniform(rng, 0.0, nuisance.extent), uniform(rng, 1.0 - nuisance.extent, 1.0)),
        style=tuple(uniform(rng, -nuisance.style, nuisance.style) for _ in range(9)),
        size=uniform(rng, *nuisance.size),
        x=uniform(rng, 0.46, 0.60),
        floor=uniform(rng, 0.86, 0.92),
        motion_frames=motion_frames,
        starts=tuple(take.start for take in takes),
        camera=_draw_camera(rng, nuisance.camera),
        light=_draw_light(rng, nuisance),
        noise=_integer(rng, nuisance.noise),
        occluder=_draw_occluder(rng) if rng.random() < nuisance.occluder else None,
        distractors=tuple(
            _draw_distractor(rng) for _ in range(_integer(rng, nuisance.distractors))
        ),
        bystander=_draw_bystander(rng, num_frames) if rng.random() < nuisance.bystander else None,
        progress=progress,
        covered=covered,
    )


def active_mask(latents: Latents) -> list[bool]:
    """Per frame of the motion's own time: the motion is under way and not hidden by a curtain."""
    return [
        progress is not None and 0.0 < progress < 1.0 and not hidden
        for progress, hidden in zip(latents.progress, latents.covered, strict=True)
    ]


def _integer(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


@dataclass(frozen=True)
class _Take:
    """One performance: the figure is seen from `enter` to before `leave`, else hidden."""

    enter: int
    start: int
    leave: int
    curtain: bool  # hidden by a curtain, otherwise by not being there


def _draw_takes(
    rng: np.random.Generator, preset: Preset, num_frames: int, motion_frames: int
) -> list[_Take]:
    """A trimmed video is one take, seen throughout; an untrimmed one has several with gaps.

    The figure never jumps back to the start in sight: such a cut is the opposite class in one
    frame, and a network learns nothing about direction from clips that contain it.
    """
    if preset.takes is None:
        margin = preset.nuisance.margin
        start = int(rng.integers(margin, num_frames - motion_frames - margin + 1))
        return [_Take(0, start, num_frames, curtain=False)]
    bounds = np.linspace(0, num_frames, _integer(rng, preset.takes) + 1).astype(int).tolist()
    takes = []
    for first, end in itertools.pairwise(bounds):
        # Two gaps and two stretches of stillness share what the motion leaves over.
        spare = end - first - motion_frames
        enter, start, leave = (first + int(x) for x in np.sort(rng.integers(spare + 1, size=3)))
        takes.append(_Take(enter, start, leave + motion_frames, bool(rng.integers(2))))
    return takes


def _timeline(
    num_frames: int, takes: list[_Take], motion_frames: int
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


def _wave(rng: np.random.Generator, amplitude: float, period: tuple[float, float]) -> Wave:
    return Wave(uniform(rng, 0, amplitude), uniform(rng, *period), uniform(rng, 0, 1))


def _draw_camera(rng: np.random.Generator, factor: float) -> Camera:
    period = (20.0, 60.0)
    pan_x, pan_y = _wave(rng, 0.05 * factor, period), _wave(rng, 0.03 * factor, period)
    return Camera(pan_x, pan_y, _wave(rng, 0.06 * factor, period))


def _draw_light(rng: np.random.Generator, nuisance: Nuisance) -> Light:
    factor = nuisance.light
    contrast = uniform(rng, nuisance.contrast, 1.0)
    gain = 1.0 + factor * uniform(rng, -0.25, 0.2)
    tint = [round(1.0 + factor * uniform(rng, -0.08, 0.08), 4) for _ in range(3)]
    flicker = _wave(rng, 0.1 * factor, (6.0, 40.0))
    return Light(contrast, round(gain, 4), flicker, (tint[0], tint[1], tint[2]))


def _draw_occluder(rng: np.random.Generator) -> Drifter:
    """A post in the foreground, still or passing."""
    speed = uniform(rng, -0.02, 0.02) if rng.integers(2) else 0.0
    still = Wave(0.0, 1.0, 0.0)
    colour = draw_colour(rng, (0.1, 0.8), (0.2, 0.8))
    return Drifter(
        "rectangle", uniform(rng, 0, 1.1), 0.5, uniform(rng, 0.06, 0.14), 1.2, speed, still, colour
    )


def _draw_distractor(rng: np.random.Generator) -> Drifter:
    return Drifter(
        ("rectangle", "disc")[int(rng.integers(2))],
        uniform(rng, 0, 1.1),
        uniform(rng, 0.1, 0.8),
        uniform(rng, 0.06, 0.16),
        uniform(rng, 0.06, 0.16),
        uniform(rng, -0.03, 0.03),
        _wave(rng, 0.1, (10.0, 40.0)),
        draw_colour(rng, (0.2, 0.9), (0.3, 1.0)),
    )


def _draw_bystander(rng: np.random.Generator, num_frames: int) -> Bystander:
    motion_frames = int(rng.integers(12, 17))
    return Bystander(
        outfit=draw_outfit(rng),
        body=draw_body(rng),
        motion=MOTIONS[int(rng.integers(len(MOTIONS)))].forward,
        backward=bool(rng.integers(2)),
        mirror=bool(rng.integers(2)),
        start=int(rng.integers(num_frames - motion_frames + 1)),
        motion_frames=motion_frames,
        size=uniform(rng, 0.28, 0.42),
        x=uniform(rng, 0.1, 1.05),
        floor=uniform(rng, 0.72, 0.84),
    )
