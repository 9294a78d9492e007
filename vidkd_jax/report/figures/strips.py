"""Draws frames of videos."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.report.figures.axes import INK


def film_strips(strips: Sequence[tuple[str, np.ndarray]]) -> Figure | None:
    """Draws a line of frames for each video, under its title; None: there are no videos.

    Args:
      strips: title and frames, uint8 [t, h, w, 3], of each.
    """
    if not strips:
        return None
    figure = Figure(figsize=(7.5, 1.6 * len(strips)), layout="constrained")
    lines = figure.subfigures(len(strips), squeeze=False)[:, 0]
    for line, (title, frames) in zip(lines, strips, strict=True):
        line.suptitle(title, x=0.01, horizontalalignment="left", fontsize=8, color=INK)
        panels = line.subplots(1, len(frames), squeeze=False)[0]
        for panel, frame in zip(panels, frames, strict=True):
            panel.imshow(frame)
            panel.set_axis_off()
    return figure
