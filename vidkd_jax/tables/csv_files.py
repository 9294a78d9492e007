"""A table's figures for other programs: table.csv, averages.csv, every run's in seeds.csv."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from vidkd_jax.tables.averages import averages
from vidkd_jax.tables.columns import Column


def of_rows(columns: Sequence[Column]) -> str:
    """Returns a line for each data set, row and metric; then the row's parameters and minutes.

    Figures are fractions where table.md has per cent. "paper_per_cent" is the paper's figure as the
    table's file gives it.
    """
    statistics = ("mean", "low", "high", "std_over_seeds")
    differences = ("difference", "difference_low", "difference_high", "pairs", "paper_per_cent")
    lines: list[list[Any]] = [["dataset", "row", "seeds", "metric", *statistics, *differences]]
    for column in columns:
        for row in column.table.rows:
            begin = [column.dataset, row.name, len(column.seeds[row.name])]
            paper = column.paper(row)
            for metric, (figure, change) in column.figures[row.name].items():
                values = (figure.mean, figure.low, figure.high, figure.std)
                changes = (change.mean, change.low, change.high, len(column.pairs[row.name]))
                lines.append([*begin, metric, *values, *changes, paper.get(metric, "")])
            lines.append([*begin, "m_parameters", sum(column.params[row.name])])
            lines.append([*begin, "minutes", column.minutes[row.name]])
    return _csv(lines)


def of_seeds(columns: Sequence[Column]) -> str:
    """Returns a line for each run and metric, fractions as in table.csv, for other statistics.

    Runs of one "table_seed" are compared; the run's own "seed" may be another.
    """
    lines: list[list[Any]] = [["dataset", "row", "seed", "metric", "figure", "table_seed"]]
    for column in columns:
        for row in column.table.rows:
            for metric, (figure, change) in column.figures[row.name].items():
                # A metric of pairs is itself a difference.
                seeds = (column.pairs if figure is change else column.seeds)[row.name]
                for (pair, seed), value in zip(seeds.items(), figure.per_seed, strict=True):
                    lines.append([column.dataset, row.name, seed, metric, value, pair])
    return _csv(lines)


def of_averages(columns: Sequence[Column]) -> str:
    """Returns a line for each average and metric, fractions as in table.csv; "" without any."""
    heads = ["dataset", "on_average", "rows", "metric", "difference", "low", "high", "std"]
    lines: list[list[Any]] = [
        [
            column.dataset,
            each.name,
            each.rows,
            each.metric.name,
            *(each.difference.mean, each.difference.low, each.difference.high),
            each.difference.std,
            "" if each.paper is None else each.paper,
            " ".join(map(str, each.difference.per_seed)),
        ]
        for column in columns
        for each in averages(column)
    ]
    return _csv([[*heads, "paper", "by_seed"], *lines]) if lines else ""


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(lines)
    return file.getvalue()
