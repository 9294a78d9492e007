"""A table in Markdown and CSV."""

import csv
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.tables import statistics
from vidkd_jax.tables.alike import check_alike
from vidkd_jax.tables.arms import Arm, finished_arms, finished_part, in_order
from vidkd_jax.tables.statistics import Estimate
from vidkd_jax.tables.table import TEACHERS, Row, Table, rows_in

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
    """The finished runs on one data set.

    Attributes:
      table: of the rows that are shown: they and what they are compared with have finished runs.
      missing: the rows without a finished run.
      unpaired: those that have one, but not what they are compared with.
      name: the paper's name of the data set; "" where the table has only one.
      dataset: what it ran on.
      figures: {row: {metric: (figure, difference from the row's reference)}}.
      seeds: how many runs each row has.
      params: millions, of student and teachers, by row.
      minutes: of training, those of the runs that a row needs included, mean over seeds, by row.
    """

    table: Table
    missing: Sequence[str]
    unpaired: Sequence[str]
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

    def has_rows(self) -> bool:
        """Whether anything is finished."""
        return bool(self.table.rows)

    def pairs(self, row: Row) -> int:
        """Returns how many seeds a row has together with the row that it is compared with."""
        return min(self.seeds[row.name], self.seeds[self.table.against(row)])


def read_column(table: Table, name: str, dataset: str, out: Path, seeds: int) -> Column:
    """Reads the finished runs of one column, at most `seeds` of each row.

    Raises:
      InputError: they are not of the same recipe and test videos, or a teacher's run is gone.
    """
    table, missing, unpaired = finished_part(table, dataset, out)
    finished = {row.name: finished_arms(row, dataset, out, seeds) for row in table.rows}
    check_alike((arm for runs in finished.values() for arm in runs), out)
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
        table=table,
        missing=missing,
        unpaired=unpaired,
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
    if not arm.is_finished(out):
        raise InputError(
            f"'{arm.folder(out)}' has no results any more, and a finished run was made with it; "
            "run the table without --so_far, which makes them again"
        )
    summary: Mapping[str, float] = json.loads((arm.folder(out) / "summary.json").read_text())
    return summary


def _params(arm: Arm, out: Path) -> tuple[float, ...]:
    """Returns the parameters, in millions, of the student and of each teacher."""
    return tuple(_summary(a, out)["num_params"] / 1e6 for a in (arm, *arm.needs(TEACHERS)))


def _minutes(arm: Arm, out: Path) -> float:
    """Returns the minutes of training of a run and of all runs that it needs, each counted once."""
    *needed, own = (_summary(run, out)["train_seconds"] / 60 for run in in_order([arm]))
    return own + sum(needed)


def headings(column: Column) -> list[str]:
    """Returns the heads of the table's columns."""
    table = column.table
    paper = ["paper Video@1"] if column.name else ["paper Clip@1", "paper Video@1"]
    change = "Video@1 - " + ("that of" if _several(table) else table.reference)
    return ["row", "seeds", *_HEADINGS.values(), change, "M parameters", "minutes", *paper]


def cells(column: Column) -> Iterable[list[str]]:
    """Yields each row: figures with 95 % intervals, the difference, cost, the paper's figures."""
    for row in column.table.rows:
        figures = column.figures[row.name]
        yield [
            row.name,
            str(column.seeds[row.name]),
            *(_cell(figures[metric][0], _SIGNS.get(metric, "")) for metric in _HEADINGS),
            _change(row, column),
            " + ".join(f"{value:.2f}" for value in column.params[row.name])
            + _beside(row, column, "m_parameters"),
            f"{column.minutes[row.name]:.1f}{_beside(row, column, 'hours', ' h')}",
            *_paper(row, column),
        ]


def _change(row: Row, column: Column) -> str:
    """Returns how far a row is from the one that it is compared with; "" for that one itself."""
    against = column.table.against(row)
    if against == row.name:
        return ""
    text = _cell(column.figures[row.name]["video_top1"][1], sign="+")
    if _several(column.table):
        text = f"{text} {against}"
    pairs = column.pairs(row)
    most = max(column.seeds[row.name], column.seeds[against])
    return text if pairs == most else f"{text} (pairs: {pairs})"


def grid(column: Column) -> list[list[str]]:
    """Returns the rows that have a cell as a grid of Video@1, heads first; the paper's beside."""
    found: dict[str, dict[str, str]] = {}
    for row in column.table.rows:
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


def _beside(row: Row, column: Column, what: str, unit: str = "") -> str:
    """Returns the paper's cost of a row, to stand beside ours; "" where it gives none."""
    paper = _paper_figures(row, column)
    return f" (paper {paper[what]:.1f}{unit})" if what in paper else ""


def _paper_figures(row: Row, column: Column) -> Mapping[str, float]:
    """Returns the paper's figures by metric, and its costs."""
    if not column.name:
        return row.paper
    return {"video_top1": row.paper[column.name]} if column.name in row.paper else {}


def markdown(table: Table, columns: Sequence[Column]) -> str:
    """Returns the table, one block for each data set."""
    lines = [f"### {table.title}"]
    for column in filter(Column.has_rows, columns):
        lines += ["", f"**{column.heading}**", ""]
        lines += _markdown_table([headings(column), *cells(column)])
        if shown := grid(column):
            lines += ["", *_markdown_table(shown)]
    return "\n".join([*lines, "", explanation(table, columns)]) + "\n"


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table whose first row is its heads."""
    heads, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return [heads, "|" + "---|" * len(rows[0]), *body]


def explanation(table: Table, columns: Sequence[Column]) -> str:
    """Returns what the figures are, what is not there, and the table's own note."""
    alone = "over test groups alone: how far seeds spread is not in it"
    seeds = {number for column in columns for number in column.seeds.values()}
    over = (
        f"one seed [95 % interval {alone}]"
        if seeds == {1}
        else "mean over seeds ± their standard deviation [95 % interval of the mean, over seeds "
        "and test groups" + (f"; of one seed, {alone}]" if 1 in seeds else "]")
    )
    fields = {f for row in table.rows for f, value in row.overrides.items() if rows_in(value)}
    whose = "the teachers'" if fields <= {TEACHERS} else "those of every run that a row needs"
    text = (
        f"Per cent; {over}. Overconfidence: mean confidence minus accuracy. Parameters: student + "
        f"teachers. Minutes of training include {whose} and depend on what else ran."
    )
    return " ".join([text, *filter(None, [table.note]), *_left_out(columns)])


def _left_out(columns: Sequence[Column]) -> Iterable[str]:
    """Yields what is not in the table, and why."""
    for column in columns:
        where = f" on {column.heading}" if column.name else ""
        if column.missing:
            yield f"Not run yet{where}: {', '.join(column.missing)}."
        if column.unpaired:
            yield f"Run{where}, but not what they are compared with: {', '.join(column.unpaired)}."


def _cell(estimate: Estimate, sign: str = "") -> str:
    figures = (estimate.mean, estimate.std, estimate.low, estimate.high)
    mean, std, low, high = (100 * value for value in figures)
    spread = "" if np.isnan(std) else f" ± {std:.1f}"
    return f"{mean:{sign}.1f}{spread} [{low:{sign}.1f}, {high:{sign}.1f}]"


def write_csv(path: Path, columns: Sequence[Column]) -> None:
    """Writes one line per data set, row and metric, as fractions; then costs, and the paper's."""
    statistics_ = ("mean", "low", "high", "std_over_seeds")
    differences = ("difference", "difference_low", "difference_high", "pairs", "paper_per_cent")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "row", "seeds", "metric", *statistics_, *differences])
        for column in columns:
            for row in column.table.rows:
                begin = [column.dataset, row.name, column.seeds[row.name]]
                paper = _paper_figures(row, column)
                for metric, (figure, change) in column.figures[row.name].items():
                    values = (figure.mean, figure.low, figure.high, figure.std)
                    changes = (change.mean, change.low, change.high, column.pairs(row))
                    writer.writerow([*begin, metric, *values, *changes, paper.get(metric, "")])
                writer.writerow([*begin, "m_parameters", sum(column.params[row.name])])
                writer.writerow([*begin, "minutes", column.minutes[row.name]])


def write_seeds(path: Path, columns: Sequence[Column]) -> None:
    """Writes one line per run and metric, as fractions, for statistics of one's own."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "row", "seed", "metric", "figure"])
        for column in columns:
            for row in column.table.rows:
                for metric, (figure, _) in column.figures[row.name].items():
                    for seed, value in enumerate(figure.per_seed, row.seed_offset):
                        writer.writerow([column.dataset, row.name, seed, metric, value])
