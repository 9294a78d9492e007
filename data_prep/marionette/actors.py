"""Actors: each group of videos has one scene, one outfit and one body."""

import colorsys
from dataclasses import dataclass

import numpy as np

from data_prep.marionette.poses import Body

Colour = tuple[int, int, int]  # RGB, 0 to 255


@dataclass(frozen=True)
class Shape:
    """One flat piece of furniture or pattern in the background, in units of the frame height."""

    kind: str  # rectangle, disc or stripe
    x: float
    y: float
    width: float
    height: float
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """A wall, a floor and the shapes in front of them."""

    wall: Colour
    floor: Colour
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Outfit:
    """The colours of the figure, its chair and its box."""

    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    outline: Colour
    chair: Colour
    box: Colour
    lid: Colour


@dataclass(frozen=True)
class Actor:
    """Everything that the videos of one group share."""

    scene: Scene
    outfit: Outfit
    body: Body


def draw_actor(seed: int, group: int) -> Actor:
    """Draws the actor of a group; depends only on the seed and the group."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, group)))
    return Actor(draw_scene(rng), draw_outfit(rng), draw_body(rng))


def class_scene(seed: int, label: int) -> Scene:
    """Draws the scene that `scene_bias` gives to the videos of a class."""
    return draw_scene(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3, label))))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draws a number and rounds it to four digits, so that a sidecar holds the exact value."""
    return round(low + (high - low) * float(rng.random()), 4)


def integer(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    """Draws a whole number between two bounds, both included."""
    return int(rng.integers(bounds[0], bounds[1] + 1))


def draw_colour(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    """Draws an RGB colour of any hue, with saturation and value (0 to 1) in the given ranges."""
    hue, s, v = uniform(rng, 0, 1), uniform(rng, *saturation), uniform(rng, *value)
    r, g, b = (round(255 * x) for x in colorsys.hsv_to_rgb(hue, s, v))
    return r, g, b


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draws a background that a network can memorise and that is always darker than the figure.

    If some figures were darker than their background, a small network would need several times as
    many clips to learn the direction of motion.
    """
    wall = draw_colour(rng, (0.05, 0.4), (0.15, 0.45))
    floor = draw_colour(rng, (0.05, 0.5), (0.1, 0.35))
    shapes = []
    for _ in range(int(rng.integers(4, 10))):
        kind = ("rectangle", "disc", "stripe")[int(rng.integers(3))]
        shapes.append(
            Shape(
                kind,
                uniform(rng, -0.2, 1.35),
                uniform(rng, -0.1, 0.95),
                uniform(rng, 0.08, 0.4),
                uniform(rng, 0.08, 0.4),
                draw_colour(rng, (0.05, 0.5), (0.1, 0.5)),
            )
        )
    return Scene(wall, floor, tuple(shapes))


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Draws bright clothes of any hue, with a light outline."""
    skin_tone = uniform(rng, 0.35, 1.0)
    r, g, b = (round(c * skin_tone) for c in (245, 205, 175))
    return Outfit(
        shirt=draw_colour(rng, (0.3, 0.9), (0.75, 1.0)),
        trousers=draw_colour(rng, (0.3, 0.9), (0.6, 0.9)),
        skin=(r, g, b),
        hair=draw_colour(rng, (0.2, 0.8), (0.1, 0.6)),
        outline=(240, 240, 235),
        chair=draw_colour(rng, (0.3, 0.8), (0.3, 0.5)),
        box=draw_colour(rng, (0.6, 1.0), (0.7, 1.0)),
        lid=draw_colour(rng, (0.6, 1.0), (0.3, 0.6)),
    )


def draw_body(rng: np.random.Generator) -> Body:
    """Draws the proportions of a figure."""
    return Body(
        legs=uniform(rng, 0.92, 1.08),
        arms=uniform(rng, 0.92, 1.1),
        girth=uniform(rng, 0.85, 1.25),
        head=uniform(rng, 0.9, 1.15),
    )
