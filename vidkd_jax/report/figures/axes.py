"""What all pictures share: colours, axes, lines."""

from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from vidkd_jax.report.curves import Curve

BLUE, GREY, AMBER, INK = "#2563eb", "#94a3b8", "#d97706", "#1e293b"


def epoch_axes(label: str, *, count: int = 1) -> tuple[Figure, list[Axes]]:
    """Returns a figure of axes side by side, with one vertical scale."""
    width = 6.4 if count == 1 else 4.2 * count
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    every: list[Axes] = figure.subplots(1, count, squeeze=False, sharey=True)[0].tolist()
    every[0].set_ylabel(label)
    for axes in every:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        clean(axes)
    return figure, every


def twin_axes(axes: Axes, label: str) -> Axes:
    """Returns axes with a scale of their own, at the right, over others."""
    twin: Axes = axes.twinx()
    twin.set_ylabel(label)
    twin.spines[["top", "right"]].set_visible(False)
    return twin


def clean(axes: Axes) -> None:
    """Takes away what does not show data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(axis="y", color="#e2e8f0")
    axes.set_axisbelow(True)


def line(axes: Axes, curve: Curve, label: str, colour: str, width: float = 1.5) -> None:
    """Draws one curve."""
    marker = marker_of_few(curve[0])
    axes.plot(*curve, color=colour, linewidth=width, marker=marker, label=in_legend(label))


def in_legend(name: str) -> str:
    """Returns a name as a legend shows it: Matplotlib leaves out those that begin with "_"."""
    return f" {name}" if name.startswith("_") else name


def drawable(text: str) -> str:
    """Returns a text with an escape, as in Python, for each letter that the font lacks.

    Matplotlib would draw boxes, and warn of each.
    """
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    return "".join(
        letter
        if letter == "\n" or font.get_char_index(ord(letter))
        else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )


def show_literally(figure: Figure) -> None:
    """Draws all texts of a figure letter by letter: "$" in a name is no formula. See `drawable`."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # type: ignore[attr-defined]
        text.set_text(drawable(text.get_text()))  # type: ignore[attr-defined]


def marker_of_few(epochs: Sequence[int]) -> str | None:
    """Returns a marker for the points if there are few; a line of one point would be invisible."""
    return "o" if len(epochs) <= 3 else None
