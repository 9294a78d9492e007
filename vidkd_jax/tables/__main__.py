"""`python -m vidkd_jax.tables --table=ty_table3 --scale=marionette --out=DIR --seeds=5`."""

import argparse
import shlex
from pathlib import Path

from vidkd_jax.errors import InputError, run_command
from vidkd_jax.tables import render, runner, statistics
from vidkd_jax.tables.table import Row, Table, available, load_table


def main(argv: list[str] | None = None) -> None:
    """Runs a table's unfinished rows; writes DIR/table.md and DIR/table.csv."""
    parser = argparse.ArgumentParser(prog="python -m vidkd_jax.tables", description=main.__doc__)
    parser.add_argument("--list", action="store_true", help="name the tables and stop")
    parser.add_argument("--table", help="a file of configs/tables")
    parser.add_argument("--scale", default="marionette", help="marionette or paper")
    parser.add_argument("--out", type=Path, help="where runs and the table go")
    parser.add_argument("--seeds", type=_count, default=3, help="runs of each row")
    parser.add_argument("--jobs", type=_count, default=1, help="runs at a time, cores shared out")
    parser.add_argument("--row", action="append", help="only this row (may be repeated); no table")
    parser.add_argument("--dry_run", action="store_true", help="print the commands and stop")
    arguments, extra = parser.parse_known_args(argv)
    if arguments.list:
        for name in available():
            print(f"{name}: {load_table(name).title}")
        return
    if unknown := [flag for flag in extra if not flag.startswith("--config.")]:
        raise InputError(f"unexpected argument '{unknown[0]}'; overrides are --config.a.b=value")
    if not arguments.table or not arguments.out:
        raise InputError("--table and --out are needed; --list names the tables")
    table = load_table(arguments.table)
    if arguments.scale not in table.scales:
        raise InputError(f"--scale={arguments.scale}: this table has {', '.join(table.scales)}")
    rows = _rows(table, arguments.row)
    if arguments.dry_run:
        for seed in range(arguments.seeds):
            for row in rows:
                print(
                    shlex.join(
                        runner.command(table, row, seed, arguments.scale, arguments.out, extra)
                    )
                )
        return
    runner.run_all(
        table,
        rows,
        arguments.scale,
        arguments.out,
        seeds=arguments.seeds,
        jobs=arguments.jobs,
        extra=extra,
    )
    if not arguments.row:
        print(write_table(table, arguments.out, arguments.seeds))


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return int(text)


def _rows(table: Table, names: list[str] | None) -> list[Row]:
    chosen = [row for row in table.rows if not names or row.name in names or row.slug in names]
    if not chosen:
        raise InputError(f"--row: this table has {', '.join(repr(row.name) for row in table.rows)}")
    return chosen


def write_table(table: Table, out: Path, seeds: int) -> str:
    """Writes table.md and table.csv from finished runs; returns the Markdown."""
    folders = {
        row.name: [runner.run_folder(out, row, seed) for seed in range(seeds)] for row in table.rows
    }
    results, groups = {}, []
    for name, runs in folders.items():
        read = [statistics.read_run(folder) for folder in runs]
        results[name], groups = [result for result, _ in read], read[0][1]
    comparison = statistics.compare(results, table.reference, len(groups))
    times = {name: render.minutes(runs) for name, runs in folders.items()}
    text = render.markdown(table, table.rows, comparison, times, seeds)
    (out / "table.md").write_text(text)
    render.write_csv(out / "table.csv", comparison)
    return text


if __name__ == "__main__":
    run_command(main)
