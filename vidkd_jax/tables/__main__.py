"""`python -m vidkd_jax.tables --table=ty_table3 --scale=marionette --out=DIR --seeds=5`."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.files import make_folder, write_text
from vidkd_jax.settings.config import overrides
from vidkd_jax.tables import csv_files, page, render, runner
from vidkd_jax.tables.arms import Arm, row_arm
from vidkd_jax.tables.checks import (
    check_converted,
    check_forks,
    check_overrides,
    check_records,
    check_rows,
    check_shared,
    check_splits,
)
from vidkd_jax.tables.columns import Column, read_column
from vidkd_jax.tables.dry_run import print_costs
from vidkd_jax.tables.pictures import PICTURES
from vidkd_jax.tables.planned import Planned, answered, plan, settled
from vidkd_jax.tables.resolving import root_of
from vidkd_jax.tables.row import Row, file_name
from vidkd_jax.tables.table import Table, available, load_table


def main(argv: list[str] | None = None) -> None:
    """Runs a table's unfinished rows; writes DIR/TABLE_SCALE/: table.md, .csv, index.html."""
    arguments, extra = _parser().parse_known_args(argv)
    if arguments.list:
        for name in available():
            table = load_table(name)
            print(f"{name}: {table.title} ({', '.join(table.scales)})")
        print("run one: python -m vidkd_jax.tables --table=NAME --out=DIR; --dry_run says its cost")
        return
    table = _checked_table(arguments, extra)
    columns, out = table.scales[arguments.scale], arguments.out[0]
    every = _wanted(table.rows, columns, range(arguments.seeds), out)
    rows = [row for row in table.rows if row.name in (arguments.row or [row.name])]
    wanted = _wanted(rows, columns, arguments.seed or range(arguments.seeds), out)
    # Of all rows, although --row may want only one of them: two could share a folder.
    check_overrides(every, wanted, extra)
    check_shared(table, every)
    check_splits(table.rows, columns.values(), extra)
    if not arguments.so_far:
        runs = plan(wanted, extra)
        check_forks(runs)
        if arguments.seed:
            _say_shared(table, runs)
        seen = answered(rows, columns.values(), extra)
        if arguments.dry_run:
            print_costs(runs, extra, seen)
            return
        make_folder("--out", out)
        check_records(runs, seen)
        check_converted(runs)
        runner.run_all(
            wanted,
            settled(runs),
            jobs=arguments.jobs,
            extra=extra,
            title=table.title,
        )
    if arguments.row or arguments.seed:
        print(
            f"finished: {_said(arguments)}; the table of all finished rows: python -m "
            f"vidkd_jax.tables --table={shlex.quote(arguments.table)} --scale={arguments.scale} "
            f"--out={shlex.quote(str(out))} --seeds={arguments.seeds} --so_far "
            f"{shlex.join(extra)}".rstrip()
        )
    else:
        against = f"_against_{file_name(arguments.against)}" if arguments.against else ""
        folder = out / f"{Path(arguments.table).stem}_{arguments.scale}{against}"
        root = root_of(extra)
        print(write_table(table, columns, arguments.out, folder, arguments.seeds, root))


def _parser() -> argparse.ArgumentParser:
    parser = FlagParser(
        prog="python -m vidkd_jax.tables",
        description=main.__doc__,
        epilog="--config.a.b=value changes a setting of all runs.",
    )
    parser.add_argument(
        "--list", action="store_true", help="print the tables' names and scales and stop"
    )
    parser.add_argument("--table", help="a file of configs/tables, without .py, or one of yours")
    parser.add_argument(
        "--scale",
        help="videos and networks: mostly marionette, the built-in ones, or paper (the first of "
        "those that --list names)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        action="append",
        help="folder of all tables' runs, and of the tables; needed with --table. With --so_far it "
        "may be repeated: folders of other machines, each with seeds of its own, make one table",
    )
    parser.add_argument("--seeds", type=_count, default=3, help="runs of each row (3)")
    parser.add_argument(
        "--jobs",
        type=_count,
        default=1,
        help="runs at a time (1); they share out the cores, and the GPUs of CUDA_VISIBLE_DEVICES",
    )
    parser.add_argument(
        "--row", action="append", help="run only this row (may be repeated) and write no table"
    )
    parser.add_argument(
        "--seed",
        action="append",
        type=int,
        help="run only this seed, from 0 to --seeds - 1 (may be repeated), and write no table",
    )
    parser.add_argument(
        "--so_far", action="store_true", help="run nothing; write the table of the finished rows"
    )
    parser.add_argument(
        "--against", help="with --so_far: compare with this row instead of the table's reference"
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="print every run with its cost and stop"
    )
    return parser


def _checked_table(arguments: argparse.Namespace, extra: Sequence[str]) -> Table:
    """Returns the table that the flags name.

    Raises:
      InputError: a flag is wrong, missing, or does not go with another.
    """
    overrides(extra)
    _check_flags(arguments)
    table = load_table(arguments.table)
    arguments.scale = arguments.scale or next(iter(table.scales))
    if arguments.scale not in table.scales:
        raise InputError(f"--scale={arguments.scale}: this table has {', '.join(table.scales)}")
    table = table.at(arguments.scale)
    for name in table.pictures:
        if name not in PICTURES:
            raise InputError(f"pictures: no picture '{name}'{suggest(name, PICTURES)}")
    check_rows(table, "--row", arguments.row or [])
    if arguments.against:
        check_rows(table, "--against", [arguments.against])
        table = table.compared_with(arguments.against)
    return table


def _check_flags(arguments: argparse.Namespace) -> None:
    """Refuses flags that are missing, or that do not go with each other.

    Raises:
      InputError: names them.
    """
    if not arguments.table or not arguments.out:
        raise InputError("--table and --out are needed; --list names the tables")
    if arguments.out[1:] and not arguments.so_far:
        raise InputError("--out: runs go to one folder; several make one table with --so_far")
    if arguments.so_far and (arguments.row or arguments.seed):
        raise InputError("--so_far shows the whole table: leave --row and --seed out")
    for seed in arguments.seed or ():
        if not 0 <= seed < arguments.seeds:
            raise InputError(f"--seed={seed}: must be 0 to {arguments.seeds - 1}; raise --seeds")
    if arguments.so_far and arguments.dry_run:
        raise InputError("--so_far runs nothing: leave --dry_run out")
    if arguments.against and not arguments.so_far:
        raise InputError("--against runs nothing: it needs --so_far")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return int(text)


def _say_shared(table: Table, runs: Iterable[Planned]) -> None:
    """Says which runs all seeds of a folder share: their weights must come from one machine."""
    shared = [run.arm.folder for run in runs if run.arm.row.only_seed is not None and not run.done]
    if not shared:
        return
    # A row that all seeds share is one run: two machines' own ones would not make one row.
    apart = "" if table.shared_rows() else ", or keep the machines' folders apart (docs/tables.md)"
    print(
        "all seeds share these runs, here and on other machines: run them on one of them first and "
        f"copy their folders{apart}, or the table will be refused: {', '.join(map(str, shared))}",
        file=sys.stderr,
    )


def _said(arguments: argparse.Namespace) -> str:
    """Returns which part of the table was run."""
    seeds = [f"seed {seed}" for seed in arguments.seed or ()]
    return ", ".join([*(arguments.row or ["all rows"]), *seeds])


def _wanted(
    rows: Sequence[Row], columns: Mapping[str, str], seeds: Iterable[int], out: Path
) -> list[Arm]:
    """Returns the runs, seed by seed: a table that is stopped early has whole seeds."""
    return [
        row_arm(row, dataset, seed, out)
        for seed in seeds
        for dataset in columns.values()
        for row in rows
    ]


def write_table(
    table: Table,
    datasets: Mapping[str, str],
    outs: Sequence[Path],
    folder: Path,
    seeds: int,
    data_root: str = "",
) -> str:
    """Writes a table of the rows that are finished.

    Args:
      table: what to show.
      datasets: its columns: {heading: data set}.
      outs: the folders of the runs, each with seeds of its own.
      folder: where the table goes.
      seeds: runs of each row, at most.
      data_root: the records' folder, for pictures with frames and rows with a selection; "": the
        one that the runs had.

    Returns:
      The Markdown, and the path of the page.

    Raises:
      InputError: no row is finished together with the row that it is compared with; the finished
        runs do not compare; or one of the folders has none.
    """
    columns = [
        read_column(table, name, dataset, outs, seeds, data_root)
        for name, dataset in datasets.items()
    ]
    if not any(map(Column.has_rows, columns)):
        where = " or ".join(f"'{out}'" for out in outs)
        raise InputError(f"--so_far: '{table.reference}' has no finished run in {where}; run it")
    if idle := [out for out in outs if not any(out in column.folders for column in columns)]:
        raise InputError(
            f"--out: '{idle[0]}' has no finished run of the table's first {seeds} seeds that it "
            "could show; check the path, raise --seeds, or leave it out"
        )
    make_folder("--out", folder)
    text = render.markdown(table, columns)
    write_text(folder / "table.md", text, encoding="utf-8")
    write_text(folder / "table.csv", csv_files.of_rows(columns), encoding="utf-8", newline="")
    if together := csv_files.of_averages(columns):
        write_text(folder / "averages.csv", together, encoding="utf-8", newline="")
    else:
        (folder / "averages.csv").unlink(missing_ok=True)
    write_text(folder / "seeds.csv", csv_files.of_seeds(columns), encoding="utf-8", newline="")
    return f"{text}\n{page.write_page(folder, table, columns, outs, seeds, data_root)}"


if __name__ == "__main__":
    run_command(main)
