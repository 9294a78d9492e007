"""Draws the figure, its chair and its box."""

import math
from dataclasses import dataclass

from data_prep.marionette.actions import BOX, Box
from data_prep.marionette.actors import Colour, Outfit
from data_prep.marionette.canvas import Canvas
from data_prep.marionette.poses import HEAD_RADIUS, SHIN, THIGH, Body, Joints, Point

# Thickness of the limbs and of their outline, in body heights; visible at 48x48 pixels.
_LEG, _ARM, _TRUNK, _OUTLINE = 0.085, 0.07, 0.15, 0.028
_SEAT_WIDTH = 0.2


@dataclass(frozen=True)
class Stage:
    """Maps body coordinates (body heights, y up) to frame coordinates (frame heights, y down)."""

    x: float
    floor: float
    size: float
    facing: int = 1  # 1 is right, -1 left

    def place(self, point: Point) -> Point:
        """Returns a point of the figure in frame coordinates."""
        return self.x + self.facing * point[0] * self.size, self.floor - point[1] * self.size


def draw_chair(canvas: Canvas, stage: Stage, outfit: Outfit, body: Body) -> None:
    """Draws the chair behind the figure. Every action has it."""
    legs = body.legs
    height, back = SHIN * legs, -THIGH * legs - _SEAT_WIDTH * 0.45
    front = back + _SEAT_WIDTH
    for line in (
        [(back, 0.0), (back, height * 2.0)],
        [(back, height), (front, height), (front, 0.0)],
    ):
        _stroke(canvas, stage, line, 0.05, outfit.chair)


def draw_figure(
    canvas: Canvas, stage: Stage, outfit: Outfit, body: Body, figure: Joints, box: Box
) -> None:
    """Draws far limbs, near leg, trunk, head, box and near arm, in this order, all outlined."""
    girth = body.girth
    far_shirt, far_trousers = _shade(outfit.shirt), _shade(outfit.trousers)
    strokes = (
        (figure.far_arm, _ARM, far_shirt),
        (figure.far_leg, _LEG, far_trousers),
        (figure.near_leg, _LEG, outfit.trousers),
        ((figure.pelvis, figure.neck), _TRUNK, outfit.shirt),
    )
    for points, thickness, colour in strokes:
        _outlined(canvas, stage, outfit, list(points), thickness * girth, colour)
    _draw_head(canvas, stage, outfit, body, figure)
    _draw_box(canvas, stage, outfit, box)
    _outlined(canvas, stage, outfit, list(figure.near_arm), _ARM * girth, outfit.shirt)
    hand = stage.place(figure.near_arm[2])
    canvas.disc(hand, _ARM * girth * 0.6 * stage.size, outfit.skin)


def _draw_head(canvas: Canvas, stage: Stage, outfit: Outfit, body: Body, figure: Joints) -> None:
    """Draws a head with hair behind and a nose in front, to show which way the figure faces."""
    radius = HEAD_RADIUS * body.head
    x, y = figure.head
    canvas.disc(stage.place((x, y)), (radius + _OUTLINE) * stage.size, outfit.outline)
    canvas.disc(stage.place((x, y)), radius * stage.size, outfit.hair)
    face = stage.place((x + radius * 0.35, y - radius * 0.15))
    canvas.disc(face, radius * 0.7 * stage.size, outfit.skin)
    nose = [(x + radius * 0.8, y), (x + radius * 1.45, y - radius * 0.2)]
    _stroke(canvas, stage, nose, 0.05, outfit.skin)


def _draw_box(canvas: Canvas, stage: Stage, outfit: Outfit, box: Box) -> None:
    half = BOX / 2
    x, y = stage.place((box.x, box.y))
    edge = (BOX + 2 * _OUTLINE) * stage.size
    canvas.rectangle(x, y, edge, edge, outfit.outline)
    canvas.rectangle(x, y, BOX * stage.size, BOX * stage.size, outfit.box)
    hinge = (box.x + half, box.y + half)
    # The lid turns around its far edge by up to 120 degrees and is drawn as a straight line.
    turned = _turn(box.lid)
    tip = (hinge[0] + BOX * turned[0], hinge[1] + BOX * turned[1])
    _outlined(canvas, stage, outfit, [hinge, tip], 0.07, outfit.lid)


def _turn(opened: float) -> Point:
    """Returns the direction of the lid: towards the figure if closed, up and over if open."""
    angle = math.radians(180.0 - 120.0 * opened)
    return math.cos(angle), math.sin(angle)


def _shade(colour: Colour) -> Colour:
    """Returns the darker colour of the limbs on the far side."""
    r, g, b = (c * 6 // 10 for c in colour)
    return r, g, b


def _outlined(
    canvas: Canvas, stage: Stage, outfit: Outfit, points: list[Point], width: float, colour: Colour
) -> None:
    _stroke(canvas, stage, points, width + 2 * _OUTLINE, outfit.outline)
    _stroke(canvas, stage, points, width, colour)


def _stroke(
    canvas: Canvas, stage: Stage, points: list[Point], width: float, colour: Colour
) -> None:
    canvas.line([stage.place(p) for p in points], width * stage.size, colour)
