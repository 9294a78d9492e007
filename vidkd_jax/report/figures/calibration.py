"""Draws how confidence and accuracy agree."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.report.figures.axes import BLUE, GREY, INK, clean, in_legend

_RED = "#fca5a5"
_HATCHED = {"color": "none", "edgecolor": "#86efac", "hatch": "////", "linewidth": 0}


def reliability_diagram(bins: Mapping[str, Sequence[float]], title: str) -> Figure | None:
    """Draws accuracy against confidence in bins of equal width, and the examples in each bin.

    Args:
        bins: "count", "confidence" and "accuracy", one value per bin.
        title: title of the picture.
    """
    count, confidence, accuracy = (
        np.asarray(bins[name], float) for name in ("count", "confidence", "accuracy")
    )
    if not count.sum():
        return None
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    width = 1 / len(count)
    centres = (np.arange(len(count)) + 0.5) * width
    used = count > 0
    error = np.sum(count * np.abs(confidence - accuracy)) / count.sum()
    axes.bar(centres[used], accuracy[used], width * 0.94, color=BLUE, label="accuracy")
    over, under = used & (confidence > accuracy), used & (confidence < accuracy)
    for chosen, look, label in (
        (over, {"color": _RED}, "overconfident: confidence higher"),
        # Hatched: below it the bar of accuracy goes on.
        (under, _HATCHED, "underconfident: accuracy higher"),
    ):
        if not chosen.any():  # no bars: Matplotlib would give their legend a colour of its own
            continue
        gap = (confidence - accuracy)[chosen]
        axes.bar(centres[chosen], gap, width * 0.94, accuracy[chosen], label=label, **look)
    axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="perfect calibration")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy", title=f"{title}: ECE {error:.3f}")
    # Outside of the axes: the bars may stand in any corner.
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    histogram.bar(centres, count, width * 0.94, color=GREY)
    histogram.set(xlabel="confidence of the prediction", ylabel="examples")
    for each in (axes, histogram):
        clean(each)
    return figure


def reliability_curves(rows: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draws accuracy against confidence for several rows of a table.

    Each row has bins as in `reliability_diagram`.
    """
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect calibration")
    for name, bins in rows.items():
        filled = np.asarray(bins["count"]) > 0
        axes.plot(
            np.asarray(bins["confidence"], float)[filled],
            np.asarray(bins["accuracy"], float)[filled],
            ".-",
            label=in_legend(name),
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
    clean(axes)
    axes.legend(fontsize=8)
    return figure
