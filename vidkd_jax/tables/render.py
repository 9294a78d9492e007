"""A table in Markdown and CSV."""

import csv
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.tables import statistics
from vidkd_jax.tables.statistics import Estimate
from vidkd_jax.tables.table import Arm, Row, Table, finished_arms

_HEADINGS = {
    "clip_top1": "Clip@1",
    "video_top1": "Video@1",
    "clip_ece": "ECE clip",
    "video_ece": "ECE video",
    "clip_overconfidence": "overconfidence clip",
}


_SIGNS = {"clip_overconfidence": "+"}


@dataclasses.dataclass(frozen=True)
class Column:
    """The finished runs of all rows on one data set.

    Attributes:
      name: the paper's name of the data set; "" where the table has only one.
      dataset: what it ran on.
      figures: {row: {metric: (figure, difference from the row's reference)}}.
      seeds: how many runs each row has.
      params: millions, of student and teachers, by row.
      minutes: of training, teachers included, mean over seeds, by row.
    """

    name: str
    dataset: str
    figures: Mapping[str, Mapping[str, tuple[Estimate, Estimate]]]
    seeds: Mapping[str, int]
    params: Mapping[str, tuple[float, ...]]
    minutes: Mapping[str, float]

    @property
    def heading(self) -> str:
        """What it is of: "marionette", or "UCF101 (marionette)" beside other data sets."""
        return f"{self.name} ({self.dataset})" if self.name else self.dataset


def read_column(table: Table, name: str, dataset: str, out: Path, seeds: int) -> Column:
    """Reads the finished runs of one column, at most `seeds` of each row."""
    finished = {row.name: finished_arms(row, dataset, out, seeds) for row in table.rows}
    results: dict[str, list[statistics.RunResult]] = {row: [] for row in finished}
    groups: list[str] = []
    for row, runs in finished.items():
        for arm in runs:
            result, its_groups = statistics.read_run(arm.folder(out))
            groups = groups or its_groups
            if its_groups != groups:
                raise InputError(
                    f"'{arm.folder(out)}' was tested on other groups of videos than the runs "
                    "before it: differences would not be paired; run it again"
                )
            results[row].append(result)
    references = {row.name: table.against(row) for row in table.rows}
    return Column(
        name=name,
        dataset=dataset,
        figures=statistics.compare(results, references, len(groups)),
        seeds={row: len(runs) for row, runs in finished.items()},
        params={row: _params(runs[0], out) for row, runs in finished.items()},
        minutes={
            row: float(np.mean([_minutes(arm, out) for arm in runs]))
            for row, runs in finished.items()
        },
    )


def _summary(arm: Arm, out: Path) -> Mapping[str, float]:
    summary: Mapping[str, float] = json.loads((arm.folder(out) / "summary.json").read_text())
    return summary


def _params(arm: Arm, out: Path) -> tuple[float, ...]:
    return tuple(_summary(a, out)["num_params"] / 1e6 for a in (arm, *arm.teachers()))


def _minutes(arm: Arm, out: Path) -> float:
    own: float = _summary(arm, out)["train_seconds"] / 60
    return own + sum(_minutes(teacher, out) for teacher in arm.teachers())


def headings(table: Table, column: Column) -> list[str]:
    """Returns the heads of the table's columns."""
    paper = ["paper Video@1"] if column.name else ["paper Clip@1", "paper Video@1"]
    change = "Video@1 - " + ("that of" if _several(table) else table.reference)
    return ["row", *_HEADINGS.values(), change, "M parameters", "minutes", *paper]


def cells(table: Table, column: Column) -> Iterable[list[str]]:
    """Yields each row: figures with 95 % intervals, the difference, cost, the paper's figures."""
    most = max(column.seeds.values())
    for row in table.rows:
        figures, seeds = column.figures[row.name], column.seeds[row.name]
        against = table.against(row)
        change = "" if against == row.name else _cell(figures["video_top1"][1], sign="+")
        yield [
            row.name if seeds == most else f"{row.name} (seeds: {seeds})",
            *(_cell(figures[metric][0], _SIGNS.get(metric, "")) for metric in _HEADINGS),
            f"{change} {against}" if change and _several(table) else change,
            " + ".join(f"{value:.2f}" for value in column.params[row.name]),
            f"{column.minutes[row.name]:.1f}",
            *_paper(row, column),
        ]


def grid(table: Table, column: Column) -> list[list[str]]:
    """Returns the rows that have a cell as a grid of Video@1, heads first; the paper's beside."""
    found: dict[str, dict[str, str]] = {}
    for row in table.rows:
        if row.cell is not None:
            line, head = row.cell
            ours = _cell(column.figures[row.name]["video_top1"][0])
            paper = "".join(f" (paper {figure})" for figure in _paper(row, column)[-1:] if figure)
            found.setdefault(line, {})[head] = ours + paper
    if not found:
        return []
    heads = list(dict.fromkeys(head for cells in found.values() for head in cells))
    return [
        ["Video@1", *heads],
        *([line, *(cells.get(head, "") for head in heads)] for line, cells in found.items()),
    ]


def _several(table: Table) -> bool:
    return len({table.against(row) for row in table.rows}) > 1


def _paper(row: Row, column: Column) -> list[str]:
    found = _paper_figures(row, column)
    wanted = ("video_top1",) if column.name else ("clip_top1", "video_top1")
    return [f"{found[metric]:.1f}" if metric in found else "" for metric in wanted]


def _paper_figures(row: Row, column: Column) -> Mapping[str, float]:
    """Returns the paper's figures by metric."""
    if not column.name:
        return row.paper
    return {"video_top1": row.paper[column.name]} if column.name in row.paper else {}


def markdown(table: Table, columns: Sequence[Column]) -> str:
    """Returns the table, one block for each data set."""
    lines = [f"### {table.title}"]
    for column in columns:
        heads = headings(table, column)
        lines += ["", f"**{column.heading}**", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        lines += ["| " + " | ".join(row) + " |" for row in cells(table, column)]
        if shown := grid(table, column):
            heads, *rows = shown
            lines += ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
            lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", explanation(table, columns)]) + "\n"


def explanation(table: Table, columns: Sequence[Column]) -> str:
    """Returns what the figures are, and the table's own note."""
    seeds = max(number for column in columns for number in column.seeds.values())
    over = (
        f"mean of {seeds} seeds ± their standard deviation [95 % interval of the mean, over seeds "
        "and test groups]"
        if seeds > 1
        else "one seed [95 % interval over test groups alone: how far seeds spread is not in it]"
    )
    text = (
        f"Per cent; {over}. Overconfidence: mean confidence minus accuracy. Parameters: student + "
        "teachers. Minutes of training include the teachers'."
    )
    return f"{text} {table.note}".strip()


def _cell(estimate: Estimate, sign: str = "") -> str:
    figures = (estimate.mean, estimate.std, estimate.low, estimate.high)
    mean, std, low, high = (100 * value for value in figures)
    spread = "" if np.isnan(std) else f" ± {std:.1f}"
    return f"{mean:{sign}.1f}{spread} [{low:{sign}.1f}, {high:{sign}.1f}]"


def write_csv(path: Path, table: Table, columns: Sequence[Column]) -> None:
    """Writes one line per data set, row and metric, as fractions; then costs, and the paper's."""
    statistics_ = ("mean", "low", "high", "std_over_seeds")
    differences = ("difference", "difference_low", "difference_high", "paper_per_cent")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "row", "seeds", "metric", *statistics_, *differences])
        for column in columns:
            for row in table.rows:
                begin = [column.dataset, row.name, column.seeds[row.name]]
                paper = _paper_figures(row, column)
                for metric, (figure, change) in column.figures[row.name].items():
                    values = (figure.mean, figure.low, figure.high, figure.std)
                    changes = (change.mean, change.low, change.high, paper.get(metric, ""))
                    writer.writerow([*begin, metric, *values, *changes])
                writer.writerow([*begin, "m_parameters", sum(column.params[row.name])])
                writer.writerow([*begin, "minutes", column.minutes[row.name]])
