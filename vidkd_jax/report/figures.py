"""Draws the pictures of the report with matplotlib, without a display."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vidkd_jax.report.curves import Curve

_BLUE, _GREY, _AMBER, _INK = "#2563eb", "#94a3b8", "#d97706", "#1e293b"
_RED, _GREEN = "#fca5a5", "#86efac"
_PART_COLOURS = ("#0d9488", "#7c3aed", "#db2777", "#65a30d", "#0891b2")
_MAX_NAMED_CLASSES = 110  # with more classes, their names would be too small to read
_MAX_COUNTED_CLASSES = 16  # with more classes, the numbers in the cells would be too small
_LABEL_LENGTH = 24
_STYLES = ("-", "--", ":")  # of each ten curves, as there are ten colours
_LEGEND_INSIDE = 5  # curves; the names of more would hide them


def loss_curves(train: Mapping[str, Curve], val: Mapping[str, Curve]) -> Figure | None:
    """Draws the training loss, its unweighted parts, and the cross-entropy on validation clips."""
    if "loss" not in train:
        return None
    figure, (axes,) = _epoch_axes("loss")
    _line(axes, train["loss"], "train, total", _INK, width=2.2)
    parts = sorted(name for name in train if name.startswith("loss/"))
    if [train[name] for name in parts] == [train["loss"]]:
        parts = []  # the only one, of weight 1: the same line
    for i, name in enumerate(parts):
        label = name.removeprefix("loss/").replace("_", " ")
        colour = _PART_COLOURS[i % len(_PART_COLOURS)]
        _line(axes, train[name], f"train, {label} (unweighted)", colour)
    if "clip_nll" in val:
        _line(axes, val["clip_nll"], "validation, cross-entropy", _BLUE)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def accuracy_curves(
    train: Mapping[str, Curve],
    val: Mapping[str, Curve],
    promoted: Sequence[int],
    *,
    of_train: str = "top1",
    of_val: str = "clip_top1",
    label: str = "top-1 accuracy of clips",
) -> Figure | None:
    """Draws an accuracy of both splits; a star marks a student that is the best so far.

    Args:
        train: metrics by epoch.
        val: likewise.
        promoted: the epochs that set a new best.
        of_train: name of the training metric.
        of_val: name of the validation metric.
        label: text beside the vertical axis.
    """
    if of_train not in train and of_val not in val:
        return None
    figure, (axes,) = _epoch_axes(label)
    if of_train in train:
        _line(axes, train[of_train], "train", _GREY)
    if of_val in val:
        _line(axes, val[of_val], "validation", _BLUE, width=2.2)
        value = dict(zip(*val[of_val], strict=True))
        stars = [epoch for epoch in promoted if epoch in value]
        if stars:
            heights = [value[epoch] for epoch in stars]
            axes.plot(stars, heights, "*", color=_AMBER, markersize=11, label="best so far")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()
    return figure


def weight_curves(train: Mapping[str, Curve], teachers: Sequence[str]) -> Figure | None:
    """Draws the mean weight of each teacher; None where there are not several with weights.

    Args:
        train: metrics by epoch, "weight0" of the first teacher, and so on.
        teachers: their names.
    """
    names = {f"weight{number}": teacher for number, teacher in enumerate(teachers)}
    if len(names) < 2 or not names.keys() <= train.keys():
        return None
    figure, (axes,) = _epoch_axes("mean weight")
    for i, (name, teacher) in enumerate(names.items()):
        _line(axes, train[name], teacher, f"C{i % 10}", width=2.2)
    axes.set_ylim(0, 1)
    axes.legend()
    return figure


def curves_with_range(
    curves: Mapping[str, Sequence[np.ndarray]],
    label: str,
    *,
    per_cent: bool = True,
    places: Sequence[int] = (),
    below: str = "epoch",
    from_zero: bool = True,
    panels: Sequence[Sequence[str]] = (),
) -> Figure:
    """Draws several curves by name, as mean and range over the runs.

    Args:
      curves: the points of each run. A run that has fewer than others keeps its last value.
      label: text beside the vertical axis.
      per_cent: whether the values are fractions, to be shown in per cent.
      places: of the points on the horizontal axis; (): epochs from 1.
      below: text below the horizontal axis.
      from_zero: whether the vertical axis begins at 0.
      panels: names of the curves that are drawn together, side by side; (): all in one.
    """
    figure, every = _epoch_axes(label, count=max(len(panels), 1))
    for axes, names in zip(every, panels or [[*curves]], strict=True):
        axes.set_xlabel(below)
        for number, name in enumerate(names):
            length = max(len(run) for run in curves[name])
            values = np.stack([np.pad(r, (0, length - len(r)), "edge") for r in curves[name]])
            points = places or range(1, values.shape[1] + 1)
            colour, style = f"C{number % 10}", _STYLES[number // 10 % len(_STYLES)]
            known = np.flatnonzero(np.isfinite(values).any(axis=0))
            marker = "o" if places else _marker(known.tolist())
            mean, ends = values.mean(axis=0), (values.min(axis=0), values.max(axis=0))
            axes.plot(points, mean, color=colour, linestyle=style, label=name, marker=marker)
            axes.fill_between(points, *ends, color=colour, alpha=0.15)
        if from_zero:
            axes.set_ylim(bottom=0)
        if per_cent:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        if panels or len(curves) <= _LEGEND_INSIDE:
            axes.legend()
    if not panels and len(curves) > _LEGEND_INSIDE:
        figure.legend(loc="outside right upper")
        # The legend takes no room of the curves.
        longest = max(map(len, curves))
        figure.set_figwidth(figure.get_figwidth() + 0.6 + 0.075 * longest)
    return figure


def learning_rate_curve(train: Mapping[str, Curve]) -> Figure | None:
    """Draws the learning rate on a logarithmic scale."""
    if "learning_rate" not in train:
        return None
    figure, (axes,) = _epoch_axes("learning rate")
    epochs, rates = train["learning_rate"]
    axes.step(epochs, rates, where="mid", color=_BLUE, marker=_marker(epochs))
    if min(rates) > 0:
        axes.set_yscale("log")
        axes.set_ylim(min(rates) / 2, max(rates) * 2)
    return figure


def speed_curves(train: Mapping[str, Curve]) -> Figure | None:
    """Draws the clips per second, and the fraction of time in which training waited for data."""
    if "clips_per_second" not in train:
        return None
    figure, (axes,) = _epoch_axes("clips / second")
    _line(axes, train["clips_per_second"], "clips / second", _BLUE, width=2.2)
    axes.set_ylim(bottom=0)
    handles = list(axes.lines)
    if "data_wait_fraction" in train:
        waiting = axes.twinx()
        waiting.set_ylim(0, 1)
        waiting.yaxis.set_major_formatter(PercentFormatter(1))
        waiting.set_ylabel("waiting for data")
        waiting.spines[["top", "right"]].set_visible(False)
        _line(waiting, train["data_wait_fraction"], "waiting for data", _AMBER)
        handles += waiting.lines
    axes.legend(handles=handles)
    return figure


def agreement_curves(val: Mapping[str, Curve]) -> Figure | None:
    """Draws how often student and teacher predict the same class, and their KL divergence."""
    if "teacher_agreement" not in val:
        return None
    figure, (axes,) = _epoch_axes("same class as the teacher")
    _line(axes, val["teacher_agreement"], "same class as the teacher", _BLUE, width=2.2)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    distance = axes.twinx()
    distance.set_ylabel("KL(teacher || student), nats")
    distance.spines[["top", "right"]].set_visible(False)
    _line(distance, val["teacher_kl"], "KL(teacher || student)", _AMBER)
    distance.set_ylim(bottom=0)
    axes.legend(handles=[*axes.lines, *distance.lines])
    return figure


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
    axes.bar(centres[used], accuracy[used], width * 0.94, color=_BLUE, label="accuracy")
    over, under = used & (confidence > accuracy), used & (confidence < accuracy)
    for chosen, colour, label in (
        (over, _RED, "overconfident: confidence higher"),
        (under, _GREEN, "underconfident: accuracy higher"),
    ):
        gap = (confidence - accuracy)[chosen]
        axes.bar(centres[chosen], gap, width * 0.94, accuracy[chosen], color=colour, label=label)
    axes.plot([0, 1], [0, 1], "--", color=_INK, linewidth=1, label="perfect calibration")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy", title=f"{title}: ECE {error:.3f}")
    axes.legend(loc="upper left")
    histogram.bar(centres, count, width * 0.94, color=_GREY)
    histogram.set(xlabel="confidence of the prediction", ylabel="examples")
    for each in (axes, histogram):
        _clean(each)
    return figure


def reliability_curves(rows: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draws accuracy against confidence for several rows of a table.

    Each row has bins as in `reliability_diagram`.
    """
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color=_GREY, label="perfect calibration")
    for name, bins in rows.items():
        filled = np.asarray(bins["count"]) > 0
        axes.plot(
            np.asarray(bins["confidence"], float)[filled],
            np.asarray(bins["accuracy"], float)[filled],
            ".-",
            label=name,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
    _clean(axes)
    axes.legend(fontsize=8)
    return figure


def confusion_picture(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    """Draws the confusion matrix: rows are true classes, columns predictions; each row sums to 1.

    A class whose name the font cannot draw is shown by its number.
    """
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    k = len(counts)
    side = float(np.clip(3.0 + 0.3 * k, 4.5, 13))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="prediction", ylabel="true class")
    bar = figure.colorbar(image, ax=axes, shrink=0.7, format=PercentFormatter(1))
    bar.outline.set_visible(False)  # type: ignore[operator]
    if k <= _MAX_NAMED_CLASSES:
        labels = [_shorten(name) if _is_drawable(name) else str(i) for i, name in enumerate(names)]
        size = min(9.0, 600 / k)  # points; the largest picture has about 700 points for the rows
        axes.set_xticks(range(k), labels, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(k), labels, fontsize=size, parse_math=False)
    if k <= _MAX_COUNTED_CLASSES:
        for row, column in np.argwhere(counts > 0):
            colour = "white" if shares[row, column] > 0.55 else _INK
            text = f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _epoch_axes(label: str, *, count: int = 1) -> tuple[Figure, list[Axes]]:
    """Returns a figure of axes side by side, with one vertical scale."""
    width = 6.4 if count == 1 else 4.2 * count
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    every: list[Axes] = figure.subplots(1, count, squeeze=False, sharey=True)[0].tolist()
    every[0].set_ylabel(label)
    for axes in every:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _clean(axes)
    return figure, every


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)
    axes.grid(axis="y", color="#e2e8f0")
    axes.set_axisbelow(True)


def _line(axes: Axes, curve: Curve, label: str, colour: str, width: float = 1.5) -> None:
    axes.plot(*curve, color=colour, linewidth=width, marker=_marker(curve[0]), label=label)


def _marker(epochs: Sequence[int]) -> str | None:
    """Returns a marker for the points if there are few; a line of one point would be invisible."""
    return "o" if len(epochs) <= 3 else None


def _is_drawable(name: Any) -> bool:
    """Returns whether the font has all letters of a name; it draws missing letters as boxes."""
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    return all(font.get_char_index(ord(letter)) for letter in str(name))


def _shorten(name: Any) -> str:
    text = str(name)
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
