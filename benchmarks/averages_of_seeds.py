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
from vidkd_jax.tables import Table, load_table
from vidkd_jax.tables.arms import finished_part, paired
from vidkd_jax.tables.averages import average_lines, averages
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.render import markdown_table
from vidkd_jax.tables.run_results import RunResult
from vidkd_jax.tables.statistics import compare

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
    every = {row.name: _results(figures, row.name) for row in table.rows}
    part, missing, unpaired = finished_part(table, every)
    if not part.rows:
        raise InputError(f"the files have no row of '{table.title}' on '{dataset}' to compare")
    results = {row.name: every[row.name] for row in part.rows}
    metrics = [m for m in part.shown_metrics() if all((row, m.name) in figures for row in results)]
    numbers = [dataclasses.replace(m, reader=None, of_curve=None, of_pair=None) for m in metrics]
    references = {row.name: part.against(row) for row in part.rows}
    shared = part.shared_rows()
    pairs = {row: paired(row, references[row], results, shared) for row in results}
    return Column(
        table=dataclasses.replace(part, metrics=tuple(metrics)),
        dataset=dataset,
        figures=compare(results, references, numbers, shared),
        seeds={row: {seed: seed for seed in runs} for row, runs in results.items()},
        pairs={row: {seed: seed for seed in both} for row, both in pairs.items()},
        name="",
        missing=missing,
        unpaired=unpaired,
        same_networks=frozenset(),
        params={},
        minutes={},
        gates={},
        departures={},
    )


def _results(figures: Figures, row: str) -> dict[int, RunResult]:
    """Returns a row's runs by the table's seed, of which each figure is one number."""
    own = {metric: by_seed for (name, metric), by_seed in figures.items() if name == row}
    seeds = sorted({seed for by_seed in own.values() for seed in by_seed})
    return {
        seed: RunResult((), {}, {m: by_seed.get(seed, np.nan) for m, by_seed in own.items()})
        for seed in seeds
    }


def _row_lines(column: Column) -> Iterator[list[str]]:
    """Yields the lines of a table of all rows; the first are the heads."""
    metrics = column.table.shown_metrics()
    yield ["row", "seeds", *(metric.heading for metric in metrics)]
    for name, figures in column.figures.items():
        line = [name, str(len(column.seeds[name]))]
        for metric in metrics:
            figure, change = figures[metric.name]
            of_pair = metric.of_pair is not None  # it is a difference, or has none
            beside = "" if of_pair else f" ({metric.text(change.mean, '+')})"
            line.append(metric.text(figure.mean, metric.sign if of_pair else "") + beside)
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
        lines = markdown_table([*_row_lines(column)])
        if found := average_lines(averages(column)):
            lines += ["", *markdown_table(found)]
        print("\n".join(lines))


if __name__ == "__main__":
    run_command(main)
