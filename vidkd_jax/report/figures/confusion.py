"""Draws the confusion matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax.report.figures.axes import INK, drawable

_MAX_NAMED_CLASSES = 110  # with more classes, their names would be too small to read
_MAX_COUNTED_CLASSES = 16  # with more classes, the numbers in the cells would be too small
_LABEL_LENGTH = 24


def confusion_picture(
    confusion: Sequence[Sequence[int]], names: Sequence[str], *, rows: str = "true class"
) -> Figure:
    """Draws the confusion matrix: rows are the truth, columns predictions; each row sums to 1.

    A class whose name the font cannot draw is shown by its number.

    Args:
      confusion: counts [k, k].
      names: of the classes.
      rows: what they are, beside the picture.
    """
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    k = len(counts)
    side = float(np.clip(3.0 + 0.3 * k, 4.5, 13))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="prediction", ylabel=rows)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, format=PercentFormatter(1))
    bar.outline.set_visible(False)  # type: ignore[operator]
    if k <= _MAX_NAMED_CLASSES:
        labels = [_shorten(name) if _is_drawable(name) else str(i) for i, name in enumerate(names)]
        size = min(9.0, 600 / k)  # points; the largest picture has about 700 points for the rows
        axes.set_xticks(range(k), labels, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(k), labels, fontsize=size, parse_math=False)
    if k <= _MAX_COUNTED_CLASSES:
        for row, column in np.argwhere(counts > 0):
            colour = "white" if shares[row, column] > 0.55 else INK
            text = f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _is_drawable(name: Any) -> bool:
    return drawable(str(name)) == str(name)


def _shorten(name: Any) -> str:
    text = str(name)
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
