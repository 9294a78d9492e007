"""Latent variables of one video and the distributions that they are drawn from.

Each distribution is symmetric under time reversal (random phases, speeds of both signs, holds that
exchange), since a backward class plays its frames backwards: no nuisance tells the direction.
Everything is drawn from (seed, group, motion, clip), so the two classes of a motion in one group
are each other's exact reversal.
"""

import math
from dataclasses import dataclass

import numpy as np

from data_prep.marionette.actions import motion_of
from data_prep.marionette.actors import Colour, draw_colour, uniform
from data_prep.marionette.presets import Preset


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
    """Gain of the whole video, its flicker, and a gain for each of red, green and blue."""

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
class Latents:
    """All that varies between the videos of one actor. Frames count in the motion's own time."""

    num_frames: int
    carry: bool  # the box is held at the chest all the time
    mirror: bool
    style: tuple[float, ...]  # degrees added to each joint angle
    size: float  # body height in frame heights
    x: float  # where the figure stands, in frame heights from the left
    floor: float  # height of the floor in the frame, in frame heights from the top
    hold_before: int
    motion_frames: int  # the speed
    hold_after: int
    phase: int  # frames of the first take that are cut off
    camera: Camera
    light: Light
    noise: int
    occluder: Drifter | None
    distractors: tuple[Drifter, ...]
    progress: tuple[float | None, ...]  # of the motion, 0 to 1; None is idle between bouts
    covered: tuple[bool, ...]  # a curtain hides the whole figure


def draw_latents(preset: Preset, seed: int, group: int, label: int, clip: int) -> Latents:
    """The latents of a video: a pure function of its arguments, shared by a class and its twin."""
    key = (1, group, label // 2, clip)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    nuisance = preset.nuisance
    num_frames = int(rng.integers(preset.frames[0], preset.frames[1] + 1))
    if preset.episodes is not None:
        num_frames -= num_frames % 16
    before, after = (_integer(rng, nuisance.hold_frames) for _ in range(2))
    motion_frames = _integer(rng, nuisance.motion_frames)
    phase = int(rng.integers(before + motion_frames + after))
    takes = _takes(num_frames, before, motion_frames, after, phase)
    bouts, covered = _bouts(rng, preset, num_frames)
    return Latents(
        num_frames=num_frames,
        carry=bool(rng.integers(2)) and motion_of(label).may_carry,
        mirror=bool(rng.integers(2)),
        style=tuple(uniform(rng, -nuisance.style, nuisance.style) for _ in range(9)),
        size=uniform(rng, 0.58, 0.68),
        x=uniform(rng, 0.46, 0.60),
        floor=uniform(rng, 0.86, 0.92),
        hold_before=before,
        motion_frames=motion_frames,
        hold_after=after,
        phase=phase,
        camera=_draw_camera(rng, nuisance.camera),
        light=_draw_light(rng, nuisance.light),
        noise=_integer(rng, nuisance.noise),
        occluder=_draw_occluder(rng) if rng.random() < nuisance.occluder else None,
        distractors=tuple(
            _draw_distractor(rng) for _ in range(_integer(rng, nuisance.distractors))
        ),
        progress=tuple(p if active else None for p, active in zip(takes, bouts, strict=True)),
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


def _takes(num_frames: int, before: int, motion: int, after: int, phase: int) -> list[float]:
    """Progress per frame of one take after another, with a cut between them."""
    take = [0.0] * before + [round((i + 0.5) / motion, 4) for i in range(motion)] + [1.0] * after
    return [take[(t + phase) % len(take)] for t in range(num_frames)]


def _bouts(
    rng: np.random.Generator, preset: Preset, num_frames: int
) -> tuple[list[bool], tuple[bool, ...]]:
    """Per frame: whether takes are played (else the figure idles), and whether it is hidden."""
    if preset.episodes is None:
        return [True] * num_frames, (False,) * num_frames

    def draw(bouts: tuple[int, int], length: tuple[int, int]) -> list[np.ndarray]:
        masks = []
        for _ in range(_integer(rng, bouts)):
            size = _integer(rng, length)
            start = int(rng.integers(num_frames - size + 1))
            frames = np.arange(num_frames)
            masks.append((frames >= start) & (frames < start + size))
        return masks

    played, hidden = draw(preset.episodes, (24, 48)), draw((1, 5), (24, 72))
    covered = np.any(hidden, axis=0) & ~played[0]  # no curtain hides all of the action
    return np.any(played, axis=0).tolist(), tuple(covered.tolist())


def _wave(rng: np.random.Generator, amplitude: float, period: tuple[float, float]) -> Wave:
    return Wave(uniform(rng, 0, amplitude), uniform(rng, *period), uniform(rng, 0, 1))


def _draw_camera(rng: np.random.Generator, factor: float) -> Camera:
    period = (20.0, 60.0)
    pan_x, pan_y = _wave(rng, 0.05 * factor, period), _wave(rng, 0.03 * factor, period)
    return Camera(pan_x, pan_y, _wave(rng, 0.06 * factor, period))


def _draw_light(rng: np.random.Generator, factor: float) -> Light:
    gain = 1.0 + factor * uniform(rng, -0.25, 0.2)
    tint = [round(1.0 + factor * uniform(rng, -0.08, 0.08), 4) for _ in range(3)]
    flicker = _wave(rng, 0.1 * factor, (6.0, 40.0))
    return Light(round(gain, 4), flicker, (tint[0], tint[1], tint[2]))


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
