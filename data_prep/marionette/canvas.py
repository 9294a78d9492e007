"""Anti-aliased drawing with OpenCV; coordinates and lengths are in units of the frame height."""

from dataclasses import dataclass

import cv2
import numpy as np

from data_prep.marionette.actors import Colour
from data_prep.marionette.poses import Point

# OpenCV's fixed-point coordinates, in 1/16 pixel: motion below a pixel, the same on every machine.
_SHIFT = 4


@dataclass(frozen=True)
class View:
    """The camera in one frame: pan in frame heights, zoom around the centre of the frame."""

    pan_x: float = 0.0
    pan_y: float = 0.0
    zoom: float = 1.0


class Canvas:
    """An image, and the camera through which shapes are drawn on it. The y axis points down."""

    def __init__(self, height: int, width: int, view: View) -> None:
        self.image = np.zeros((height, width, 3), np.uint8)
        self._height, self._view = height, view
        self._aspect = width / height

    def line(self, points: list[Point], thickness: float, colour: Colour) -> None:
        """Draws a polyline with round ends; `thickness` is in frame heights."""
        width = max(1, round(thickness * self._height))
        path = [self._pixels(points)]
        cv2.polylines(self.image, path, False, colour, width, cv2.LINE_AA, _SHIFT)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """Draws a filled convex polygon."""
        cv2.fillConvexPoly(self.image, self._pixels(points), colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Draws a filled upright rectangle with its centre at (x, y)."""
        left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Draws a filled circle; `radius` is in frame heights."""
        x, y = self._pixels([centre])[0].tolist()
        size = round(radius * self._view.zoom * self._height * (1 << _SHIFT))
        cv2.circle(self.image, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)

    def _pixels(self, points: list[Point]) -> np.ndarray:
        """Returns the points in fixed-point pixel coordinates, [n, 2], int32."""
        view, scale = self._view, self._height * (1 << _SHIFT)
        centre = self._aspect / 2
        return np.array(
            [
                (
                    round((centre + (x - centre + view.pan_x) * view.zoom) * scale),
                    round((0.5 + (y - 0.5 + view.pan_y) * view.zoom) * scale),
                )
                for x, y in points
            ],
            np.int32,
        )
