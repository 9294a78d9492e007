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
from vidkd_jax.tables.table import Arm, Row, Table, arms

_HEADINGS = {
    "clip_top1": "Clip@1",
    "video_top1": "Video@1",
    "clip_ece": "ECE clip",
    "video_ece": "ECE video",
}


@dataclasses.dataclass(frozen=True)
class Column:
    """The finished runs of all rows on one data set.

    Attributes:
      name: the paper's name of the data set; "" where the table has only one.
      dataset: what it ran on.
      figures: {row: {metric: (figure, difference from the row's reference)}}.
      params: millions, of student and teachers, by row.
      minutes: of training, teachers included, mean over seeds, by row.
    """

    name: str
    dataset: str
    figures: Mapping[str, Mapping[str, tuple[Estimate, Estimate]]]
    params: Mapping[str, tuple[float, ...]]
    minutes: Mapping[str, float]

    @property
    def heading(self) -> str:
        """What it is of: "marionette", or "UCF101 (marionette)" beside other data sets."""
        return f"{self.name} ({self.dataset})" if self.name else self.dataset


def read_column(table: Table, name: str, dataset: str, out: Path, seeds: int) -> Column:
    """Reads the finished runs of one column."""
    results: dict[str, list[statistics.RunResult]] = {}
    groups: list[str] = []
    for row in table.rows:
        results[row.name] = []
        for arm in arms(row, dataset, seeds):
            result, its_groups = statistics.read_run(arm.folder(out))
            groups = groups or its_groups
            if its_groups != groups:
                raise InputError(
                    f"'{arm.folder(out)}' was tested on other groups of videos than the runs "
                    "before it: differences would not be paired; run it again"
                )
            results[row.name].append(result)
    references = {row.name: table.against(row) for row in table.rows}
    first = {row.name: arms(row, dataset, seeds) for row in table.rows}
    return Column(
        name=name,
        dataset=dataset,
        figures=statistics.compare(results, references, len(groups)),
        params={row: _params(runs[0], out) for row, runs in first.items()},
        minutes={row: float(np.mean([_minutes(r, out) for r in r_])) for row, r_ in first.items()},
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
    change = "Video@1 - " + (table.reference if not _several(table) else "its reference")
    return ["row", *_HEADINGS.values(), change, "M parameters", "minutes", *paper]


def cells(table: Table, column: Column) -> Iterable[list[str]]:
    """Yields each row: figures with 95 % intervals, the difference, cost, the paper's figures."""
    for row in table.rows:
        figures = column.figures[row.name]
        change = figures["video_top1"][1]
        yield [
            row.name,
            *(_cell(figures[metric][0]) for metric in _HEADINGS),
            "" if table.against(row) == row.name else _cell(change, sign="+"),
            " + ".join(f"{value:.2f}" for value in column.params[row.name]),
            f"{column.minutes[row.name]:.1f}",
            *_paper(row, column),
        ]


def _several(table: Table) -> bool:
    return len({table.against(row) for row in table.rows}) > 1


def _paper(row: Row, column: Column) -> list[str]:
    wanted = (column.name,) if column.name else ("clip_top1", "video_top1")
    return [f"{row.paper[key]:.1f}" if key in row.paper else "" for key in wanted]


def markdown(table: Table, columns: Sequence[Column], seeds: int) -> str:
    """Returns the table, one block for each data set."""
    lines = [f"### {table.title}"]
    for column in columns:
        heads = headings(table, column)
        lines += ["", f"**{column.heading}**", ""]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        lines += ["| " + " | ".join(row) + " |" for row in cells(table, column)]
    return "\n".join([*lines, "", explanation(table, seeds)]) + "\n"


def explanation(table: Table, seeds: int) -> str:
    """Returns what the figures are, and the table's own note."""
    over = (
        f"mean of {seeds} seeds [95 % interval over seeds and test groups]"
        if seeds > 1
        else "one seed [95 % interval over test groups alone: how far seeds spread is not in it]"
    )
    text = (
        f"Per cent; {over}. Parameters: student + teachers. Minutes of training include the "
        "teachers'."
    )
    return f"{text} {table.note}".strip()


def _cell(estimate: Estimate, sign: str = "") -> str:
    low, mean, high = (100 * value for value in (estimate.low, estimate.mean, estimate.high))
    return f"{mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def write_csv(path: Path, columns: Sequence[Column]) -> None:
    """Writes one line per data set, row and metric."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        statistics_ = ("mean", "low", "high", "std_over_seeds")
        differences = ("difference", "difference_low", "difference_high")
        writer.writerow(["dataset", "row", "metric", *statistics_, *differences])
        for column in columns:
            for row, figures in column.figures.items():
                for metric, (figure, change) in figures.items():
                    values = (figure.mean, figure.low, figure.high, figure.std)
                    changes = (change.mean, change.low, change.high)
                    writer.writerow([column.dataset, row, metric, *values, *changes])
