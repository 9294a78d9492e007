"""Draws what changes by epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax.report.curves import Curve
from vidkd_jax.report.figures.axes import (
    AMBER,
    BLUE,
    GREY,
    INK,
    epoch_axes,
    in_legend,
    line,
    marker_of_few,
    twin_axes,
)

_PART_COLOURS = ("#0d9488", "#7c3aed", "#db2777", "#65a30d", "#0891b2")
_STYLES = ("-", "--", ":")  # of each ten curves, as there are ten colours
_LEGEND_INSIDE = 5  # curves; the names of more would hide them


def loss_curves(train: Mapping[str, Curve], val: Mapping[str, Curve]) -> Figure | None:
    """Draws the training loss, its unweighted parts, and the cross-entropy on validation clips."""
    if "loss" not in train:
        return None
    figure, (axes,) = epoch_axes("loss")
    line(axes, train["loss"], "train, total", INK, width=2.2)
    parts = sorted(name for name in train if name.startswith("loss/"))
    if [train[name] for name in parts] == [train["loss"]]:
        parts = []  # the only one, of weight 1: the same line
    for i, name in enumerate(parts):
        label = name.removeprefix("loss/").replace("_", " ")
        colour = _PART_COLOURS[i % len(_PART_COLOURS)]
        line(axes, train[name], f"train, {label} (unweighted)", colour)
    if "clip_nll" in val:
        line(axes, val["clip_nll"], "validation, cross-entropy", BLUE)
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
    figure, (axes,) = epoch_axes(label)
    if of_train in train:
        line(axes, train[of_train], "train", GREY)
    if of_val in val:
        line(axes, val[of_val], "validation", BLUE, width=2.2)
        value = dict(zip(*val[of_val], strict=True))
        stars = [epoch for epoch in promoted if epoch in value]
        if stars:
            heights = [value[epoch] for epoch in stars]
            axes.plot(stars, heights, "*", color=AMBER, markersize=11, label="best so far")
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
    figure, (axes,) = epoch_axes("mean weight")
    for i, (name, teacher) in enumerate(names.items()):
        line(axes, train[name], teacher, f"C{i % 10}", width=2.2)
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
    figure, every = epoch_axes(label, count=max(len(panels), 1))
    for axes, names in zip(every, panels or [[*curves]], strict=True):
        axes.set_xlabel(below)
        for number, name in enumerate(names):
            length = max(len(run) for run in curves[name])
            values = np.stack([np.pad(r, (0, length - len(r)), "edge") for r in curves[name]])
            points = places or range(1, values.shape[1] + 1)
            colour, style = f"C{number % 10}", _STYLES[number // 10 % len(_STYLES)]
            known = np.flatnonzero(np.isfinite(values).any(axis=0))
            marker = "o" if places else marker_of_few(known.tolist())
            mean, ends = values.mean(axis=0), (values.min(axis=0), values.max(axis=0))
            axes.plot(
                points, mean, color=colour, linestyle=style, label=in_legend(name), marker=marker
            )
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
    figure, (axes,) = epoch_axes("learning rate")
    epochs, rates = train["learning_rate"]
    axes.step(epochs, rates, where="mid", color=BLUE, marker=marker_of_few(epochs))
    if min(rates) > 0:
        axes.set_yscale("log")
        axes.set_ylim(min(rates) / 2, max(rates) * 2)
    return figure


def speed_curves(train: Mapping[str, Curve]) -> Figure | None:
    """Draws the clips per second, and the fraction of time in which training waited for data."""
    if "clips_per_second" not in train:
        return None
    figure, (axes,) = epoch_axes("clips / second")
    line(axes, train["clips_per_second"], "clips / second", BLUE, width=2.2)
    axes.set_ylim(bottom=0)
    handles = list(axes.lines)
    if "data_wait_fraction" in train:
        waiting = twin_axes(axes, "waiting for data")
        waiting.set_ylim(0, 1)
        waiting.yaxis.set_major_formatter(PercentFormatter(1))
        line(waiting, train["data_wait_fraction"], "waiting for data", AMBER)
        handles += waiting.lines
    axes.legend(handles=handles)
    return figure


def agreement_curves(val: Mapping[str, Curve]) -> Figure | None:
    """Draws how often student and teacher predict the same class, and their KL divergence."""
    if "teacher_agreement" not in val:
        return None
    figure, (axes,) = epoch_axes("same class as the teacher")
    line(axes, val["teacher_agreement"], "same class as the teacher", BLUE, width=2.2)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    distance = twin_axes(axes, "KL(teacher || student), nats")
    line(distance, val["teacher_kl"], "KL(teacher || student)", AMBER)
    distance.set_ylim(bottom=0)
    axes.legend(handles=[*axes.lines, *distance.lines])
    return figure
