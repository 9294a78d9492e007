"""Anti-aliased drawing in frame heights, through OpenCV's fixed-point coordinates."""

from dataclasses import dataclass

import cv2
import numpy as np

from data_prep.marionette.actors import Colour
from data_prep.marionette.poses import Point

_SHIFT = 4  # coordinates are rounded to 1/16 pixel: sub-pixel motion, equal on every machine


@dataclass(frozen=True)
class View:
    """The camera in one frame: pan in frame heights, zoom about the frame's centre."""

    pan_x: float = 0.0
    pan_y: float = 0.0
    zoom: float = 1.0


class Canvas:
    """An image and the camera through which shapes are drawn on it; y points down."""

    def __init__(self, height: int, width: int, view: View) -> None:
        self.image = np.zeros((height, width, 3), np.uint8)
        self._height, self._view = height, view
        self._aspect = width / height

    def line(self, points: list[Point], thickness: float, colour: Colour) -> None:
        """A polyline with round ends; thickness in frame heights."""
        width = max(1, round(thickness * self._height))
        path = [self._pixels(points)]
        cv2.polylines(self.image, path, False, colour, width, cv2.LINE_AA, _SHIFT)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """A filled convex polygon."""
        cv2.fillConvexPoly(self.image, self._pixels(points), colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled upright rectangle around (x, y)."""
        left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """A filled circle; radius in frame heights."""
        x, y = self._pixels([centre])[0].tolist()
        size = round(radius * self._view.zoom * self._height * (1 << _SHIFT))
        cv2.circle(self.image, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)

    def _pixels(self, points: list[Point]) -> np.ndarray:
        """Fixed-point pixel coordinates [n, 2], int32."""
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
