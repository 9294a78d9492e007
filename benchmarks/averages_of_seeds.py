"""Makes a table's averages of its seeds.csv files, also of machines whose runs are gone.

    python -m benchmarks.averages_of_seeds --table=pclkd_table5 runs/here/seeds.csv there/seeds.csv

Prints each row's figures with their differences from the row that it is compared with, and the
averages as `vidkd_jax.tables` prints them of runs. That the runs had one recipe is not checked
here; a seed that two files have is refused.
"""

import argparse
import csv
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.tables import Metric, Table, load_table
from vidkd_jax.tables.averages import average_lines, averages
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.render import markdown_table
from vidkd_jax.tables.statistics import Estimate

# By row and metric: the figures of the table's seeds.
Figures = Mapping[tuple[str, str], Mapping[int, float]]


def read(files: Iterable[Path], dataset: str) -> Figures:
    """Returns the figures of one data set's runs.

    Args:
      files: seeds.csv of several folders; those of older versions lack the table's seed, which is
        then taken to be the run's own.
      dataset: the configs' argument.

    Raises:
      InputError: a file is none of these, or two of them have figures of one seed.
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    for file in files:
        try:
            for line in csv.DictReader(file.read_text("utf-8").splitlines()):
                if line["dataset"] != dataset:
                    continue
                seed = int(line.get("table_seed") or line["seed"])
                figures = found.setdefault((line["row"], line["metric"]), {})
                if seed in figures:
                    raise InputError(f"'{file}': row '{line['row']}' has seed {seed} twice")
                figures[seed] = float(line["figure"])
        except (OSError, UnicodeError, KeyError, ValueError) as error:
            raise InputError(f"'{file}': not a table's seeds.csv: {error!r}") from None
    return found


def column_of(table: Table, dataset: str, figures: Figures) -> Column:
    """Returns a table's column of what `read` returned: of the rows that have differences.

    Raises:
      InputError: there is none.
    """
    rows = [row for row in table.rows if any(name == row.name for name, _ in figures)]
    names = [row.name for row in rows]
    rows = [row for row in rows if table.against(row) in names]
    if not rows:
        raise InputError(f"the files have no row of '{table.title}' on '{dataset}' to compare")
    metrics = [m for m in table.shown_metrics() if all((n, m.name) in figures for n in names)]
    seeds: dict[str, dict[int, int]] = {}
    pairs: dict[str, dict[int, int]] = {}
    compared: dict[str, dict[str, tuple[Estimate, Estimate]]] = {}
    for row in rows:
        for metric in metrics:
            ours = figures[row.name, metric.name]
            theirs = figures[table.against(row), metric.name]
            both = [seed for seed in ours if seed in theirs]
            changes = [ours[seed] - (0 if metric.of_pair else theirs[seed]) for seed in both]
            found = _estimate([*ours.values()]), _estimate(changes)
            compared.setdefault(row.name, {})[metric.name] = found
            seeds[row.name], pairs[row.name] = (dict(zip(s, s, strict=True)) for s in (ours, both))
    return Column(
        table=dataclasses.replace(table, rows=tuple(rows), metrics=tuple(metrics)),
        dataset=dataset,
        figures=compared,
        seeds=seeds,
        pairs=pairs,
        name="",
        missing=(),
        unpaired=(),
        same_networks=frozenset(),
        params={},
        minutes={},
        gates={},
        departures={},
    )


def _estimate(figures: list[float]) -> Estimate:
    """Returns a figure without an interval."""
    mean = float(np.mean(figures)) if figures else np.nan
    std = float(np.std(figures, ddof=1)) if figures[1:] else np.nan
    return Estimate(mean, np.nan, np.nan, std, tuple(figures))


def _row_lines(column: Column, metrics: Iterable[Metric]) -> Iterator[list[str]]:
    """Yields the lines of a table of all rows; the first are the heads."""
    metrics = [*metrics]
    yield ["row", "seeds", *(metric.heading for metric in metrics)]
    for name, figures in column.figures.items():
        line = [name, str(len(column.seeds[name]))]
        for metric in metrics:
            figure, change = figures[metric.name]
            line.append(f"{metric.text(figure.mean)} ({metric.text(change.mean, '+')})")
        yield line


def main(argv: Sequence[str] | None = None) -> None:
    """Prints what the module's docstring says."""
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", required=True, help="whose rows, references and averages count")
    parser.add_argument("--scale", default="marionette", help="of the table (marionette)")
    parser.add_argument("files", nargs="+", type=Path, help="seeds.csv of each folder")
    flags = parser.parse_args(argv)
    table = load_table(flags.table).at(flags.scale)
    for dataset in table.scales[flags.scale].values():
        column = column_of(table, dataset, read(flags.files, dataset))
        lines = markdown_table([*_row_lines(column, column.table.shown_metrics())])
        if found := average_lines(averages(column)):
            lines += ["", *markdown_table(found)]
        print("\n".join(lines))


if __name__ == "__main__":
    run_command(main)
