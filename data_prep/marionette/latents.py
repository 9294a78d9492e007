"""The latent variables of one video, and the distributions that they are drawn from.

A backward class plays its frames backwards, so each distribution is symmetric under time reversal:
phases are random, speeds have both signs, and the stillness before and after a motion has the same
distribution. So nothing but the motion shows the direction. All draws depend only on (seed, group,
motion, clip): the two classes of a motion are exact reversals of each other in each group.
"""

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
    integer,
    uniform,
)
from data_prep.marionette.poses import Body
from data_prep.marionette.presets import Preset
from data_prep.marionette.timeline import draw_curtain, draw_takes, timeline


@dataclass(frozen=True)
class Wave:
    """A sine over frames; `period` is in frames, `phase` in turns and drawn uniformly."""

    amplitude: float
    period: float
    phase: float

    def at(self, t: int) -> float:
        """Returns the value in frame `t`."""
        return self.amplitude * math.sin(2.0 * math.pi * (t / self.period + self.phase))


@dataclass(frozen=True)
class Camera:
    """Pan, in frame heights, and relative zoom."""

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
    """A flat shape that crosses the frame at constant speed: a distractor or an occluder.

    Lengths are in frame heights, `speed` in frame heights per frame. A drifter that leaves the
    frame comes back on the other side.
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
    """A second figure further back, with its own motion, forwards or backwards."""

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
    """Everything that varies between the videos of one actor.

    Frames are in the order of the forward motion. A backward class plays them from last to first.
    """

    num_frames: int
    hardness: float  # 0 to 1: how much is removed from view or placed in front
    carry: bool  # the figure holds the box at the chest all the time
    mirror: bool
    extent: tuple[float, float]  # which part of the motion is performed, within (0, 1)
    style: tuple[float, ...]  # degrees added to each joint angle
    size: float  # body height in frame heights
    x: float  # position of the figure, in frame heights from the left
    floor: float  # position of the floor, in frame heights from the top
    motion_frames: int  # number of frames that one motion takes
    starts: tuple[int, ...]  # first frame of each motion
    camera: Camera
    light: Light
    noise: int
    occluder: Drifter | None
    distractors: tuple[Drifter, ...]
    bystander: Bystander | None
    progress: tuple[float | None, ...]  # progress of the motion, 0 to 1; None without a figure
    covered: tuple[bool, ...]  # whether a curtain hides everything


def draw_latents(preset: Preset, seed: int, group: int, label: int, clip: int) -> Latents:
    """Draws the latents of a video, which depend only on the arguments.

    The two classes of a motion get the same latents.
    """
    key = (1, group, label // 2, clip)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    nuisance = preset.nuisance
    hardness = _draw_hardness(rng, nuisance.easy)
    num_frames = integer(rng, preset.frames)
    if preset.takes is not None:
        num_frames -= num_frames % 16
    motion_frames = integer(rng, nuisance.motion_frames)
    takes = draw_takes(rng, preset, num_frames, motion_frames)
    progress, covered = timeline(num_frames, takes, motion_frames)
    if preset.takes is None:
        covered = draw_curtain(rng, num_frames, hardness)
    return Latents(
        num_frames=num_frames,
        hardness=hardness,
        carry=bool(rng.integers(2)) and motion_of(label).may_carry,
        mirror=bool(rng.integers(2)),
        extent=(uniform(rng, 0.0, 0.42 * hardness), uniform(rng, 1.0 - 0.42 * hardness, 1.0)),
        style=tuple(uniform(rng, -nuisance.style, nuisance.style) for _ in range(9)),
        size=round(uniform(rng, 0.58, 0.68) * _left(rng, 0.5 * hardness), 4),
        x=uniform(rng, *nuisance.x),
        floor=uniform(rng, *nuisance.floor),
        motion_frames=motion_frames,
        starts=tuple(take.start for take in takes),
        camera=_draw_camera(rng, nuisance.camera),
        light=_draw_light(rng, nuisance.light, _left(rng, 0.94 * hardness)),
        noise=integer(rng, nuisance.noise),
        occluder=_draw_occluder(rng, hardness),
        distractors=tuple(_draw_distractor(rng) for _ in range(integer(rng, nuisance.distractors))),
        bystander=_draw_bystander(rng, num_frames, hardness),
        progress=progress,
        covered=covered,
    )


def _draw_hardness(rng: np.random.Generator, easy: float) -> float:
    """Draws 0 with probability `easy`, else a value up to 1 whose density grows with its cube.

    So most videos are either clear or nearly hopeless. With the clear ones, training on `standard`
    starts to improve within a dozen epochs; with a density that grows linearly it needs twice as
    many.
    """
    draw = float(rng.random())
    return 0.0 if draw < easy else round(math.sqrt(math.sqrt((draw - easy) / (1.0 - easy))), 4)


def _left(rng: np.random.Generator, taken: float) -> float:
    """Returns 1 minus a random part of `taken`; the part is between half and all of it."""
    return round(1.0 - uniform(rng, 0.5, 1.0) * taken, 4)


def active_mask(latents: Latents) -> list[bool]:
    """Returns, per frame of the forward motion, whether it is under way and no curtain hides it."""
    return [
        progress is not None and 0.0 < progress < 1.0 and not hidden
        for progress, hidden in zip(latents.progress, latents.covered, strict=True)
    ]


def _wave(rng: np.random.Generator, amplitude: float, period: tuple[float, float]) -> Wave:
    return Wave(uniform(rng, 0, amplitude), uniform(rng, *period), uniform(rng, 0, 1))


def _draw_camera(rng: np.random.Generator, factor: float) -> Camera:
    period = (20.0, 60.0)
    pan_x, pan_y = _wave(rng, 0.05 * factor, period), _wave(rng, 0.03 * factor, period)
    return Camera(pan_x, pan_y, _wave(rng, 0.06 * factor, period))


def _draw_light(rng: np.random.Generator, factor: float, contrast: float) -> Light:
    gain = 1.0 + factor * uniform(rng, -0.25, 0.2)
    tint = [round(1.0 + factor * uniform(rng, -0.08, 0.08), 4) for _ in range(3)]
    flicker = _wave(rng, 0.1 * factor, (6.0, 40.0))
    return Light(contrast, round(gain, 4), flicker, (tint[0], tint[1], tint[2]))


def _draw_occluder(rng: np.random.Generator, hardness: float) -> Drifter | None:
    """Draws a post in the foreground, which stands still or passes by, or None."""
    if rng.random() >= hardness:
        return None
    speed = uniform(rng, -0.02, 0.02) if rng.integers(2) else 0.0
    still = Wave(0.0, 1.0, 0.0)
    colour = draw_colour(rng, (0.1, 0.8), (0.2, 0.8))
    return Drifter(
        "rectangle",
        uniform(rng, 0, 1.1),
        0.5,
        uniform(rng, 0.08, 0.1 + 0.18 * hardness),
        1.2,
        speed,
        still,
        colour,
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


def _draw_bystander(rng: np.random.Generator, num_frames: int, hardness: float) -> Bystander | None:
    if rng.random() >= 0.7 * hardness:
        return None
    motion_frames = int(rng.integers(12, 17))
    return Bystander(
        outfit=draw_outfit(rng),
        body=draw_body(rng),
        motion=MOTIONS[int(rng.integers(len(MOTIONS)))].forward,
        backward=bool(rng.integers(2)),
        mirror=bool(rng.integers(2)),
        start=int(rng.integers(num_frames - motion_frames + 1)),
        motion_frames=motion_frames,
        size=uniform(rng, 0.28, 0.35 + 0.2 * hardness),
        x=uniform(rng, 0.1, 1.05),
        floor=uniform(rng, 0.72, 0.84),
    )
