"""A table's figures for other programs: table.csv, and every run's in seeds.csv."""

import csv
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.tables.columns import Column


def write_csv(path: Path, columns: Sequence[Column]) -> None:
    """Writes a line for each data set, row and metric; then the row's parameters and minutes.

    Figures are fractions where table.md has per cent. "paper_per_cent" is the paper's figure as the
    table's file gives it.
    """
    statistics = ("mean", "low", "high", "std_over_seeds")
    differences = ("difference", "difference_low", "difference_high", "pairs", "paper_per_cent")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "row", "seeds", "metric", *statistics, *differences])
        for column in columns:
            for row in column.table.rows:
                begin = [column.dataset, row.name, len(column.seeds[row.name])]
                paper = column.paper(row)
                for metric, (figure, change) in column.figures[row.name].items():
                    values = (figure.mean, figure.low, figure.high, figure.std)
                    changes = (change.mean, change.low, change.high, len(column.pairs[row.name]))
                    writer.writerow([*begin, metric, *values, *changes, paper.get(metric, "")])
                writer.writerow([*begin, "m_parameters", sum(column.params[row.name])])
                writer.writerow([*begin, "minutes", column.minutes[row.name]])


def write_seeds(path: Path, columns: Sequence[Column]) -> None:
    """Writes a line for each run and metric, fractions as in table.csv, for other statistics."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "row", "seed", "metric", "figure"])
        for column in columns:
            for row in column.table.rows:
                for metric, (figure, change) in column.figures[row.name].items():
                    # A metric of pairs is itself a difference.
                    seeds = (column.pairs if figure is change else column.seeds)[row.name]
                    for seed, value in zip(seeds, figure.per_seed, strict=True):
                        writer.writerow([column.dataset, row.name, seed, metric, value])
