"""`python -m vidkd_jax.tables --table=ty_table3 --scale=marionette --out=DIR --seeds=5`."""

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from vidkd_jax import data
from vidkd_jax.errors import InputError, run_command, suggest, with_home
from vidkd_jax.networks.weights import load_card
from vidkd_jax.run import inputs
from vidkd_jax.tables import costs, csv_files, page, render, runner
from vidkd_jax.tables.arms import Arm, in_order, row_arm
from vidkd_jax.tables.columns import Column, read_column
from vidkd_jax.tables.pictures import PICTURES
from vidkd_jax.tables.row import TEACHERS, Row, file_name
from vidkd_jax.tables.table import BUILT_IN, Table, available, load_table


def main(argv: list[str] | None = None) -> None:
    """Runs a table's unfinished rows; writes DIR/TABLE_SCALE/: table.md, .csv, index.html."""
    arguments, extra = _parser().parse_known_args(argv)
    if arguments.list:
        for name in available():
            print(f"{name}: {load_table(name).title}")
        print("run one: python -m vidkd_jax.tables --table=NAME --out=DIR; --dry_run says its cost")
        return
    table = _checked_table(arguments, extra)
    # Refuses two rows that would share a folder, although --row may want only one of them.
    in_order(_wanted(table, table.rows, arguments.scale, arguments.seeds))
    rows = [row for row in table.rows if row.name in (arguments.row or [row.name])]
    wanted = _wanted(table, rows, arguments.scale, arguments.seeds)
    _check_overrides(wanted, extra)
    if arguments.dry_run:
        _print_costs(wanted, arguments.out, extra)
        return
    if not arguments.so_far:
        _make_folder(arguments.out)
        _check_records(wanted, arguments.out, extra)
        _check_converted(wanted, arguments.out)
        runner.run_all(wanted, arguments.out, jobs=arguments.jobs, extra=extra, title=table.title)
    if arguments.row:
        print(
            f"finished: {', '.join(arguments.row)}; the table of all finished rows: python -m "
            f"vidkd_jax.tables --table={arguments.table} --scale={arguments.scale} "
            f"--out={shlex.quote(str(arguments.out))} --seeds={arguments.seeds} --so_far"
        )
    else:
        against = f"_against_{file_name(arguments.against)}" if arguments.against else ""
        folder = arguments.out / f"{arguments.table}_{arguments.scale}{against}"
        columns = table.scales[arguments.scale]
        data_root = _data_root(extra)
        print(write_table(table, columns, arguments.out, folder, arguments.seeds, data_root))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vidkd_jax.tables", description=main.__doc__)
    parser.add_argument("--list", action="store_true", help="print the tables' names and stop")
    parser.add_argument("--table", help="a file of configs/tables, without .py")
    parser.add_argument("--scale", default=BUILT_IN, help="marionette or paper")
    parser.add_argument(
        "--out", type=Path, help="folder of the runs, which all tables share, and of the tables"
    )
    parser.add_argument("--seeds", type=_count, default=3, help="runs of each row")
    parser.add_argument(
        "--jobs",
        type=_count,
        default=1,
        help="runs at a time; they share out the cores, and the GPUs of CUDA_VISIBLE_DEVICES",
    )
    parser.add_argument(
        "--row", action="append", help="run only this row (may be repeated) and write no table"
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
    if unknown := [flag for flag in extra if not flag.startswith("--config.")]:
        raise InputError(f"unexpected argument '{unknown[0]}'; overrides are --config.a.b=value")
    if not arguments.table or not arguments.out:
        raise InputError("--table and --out are needed; --list names the tables")
    if arguments.so_far and arguments.row:
        raise InputError("--so_far shows the whole table: leave --row out")
    if arguments.against and not arguments.so_far:
        raise InputError("--against runs nothing: it needs --so_far")
    table = load_table(arguments.table)
    if arguments.scale not in table.scales:
        raise InputError(f"--scale={arguments.scale}: this table has {', '.join(table.scales)}")
    table = table.at(arguments.scale)
    for name in table.pictures:
        if name not in PICTURES:
            raise InputError(f"pictures: no picture '{name}'{suggest(name, PICTURES)}")
    _check_rows(table, "--row", arguments.row or [])
    if arguments.against:
        _check_rows(table, "--against", [arguments.against])
        table = table.compared_with(arguments.against)
    return table


def _check_rows(table: Table, flag: str, names: Sequence[str]) -> None:
    """Checks that a table has the rows that a flag names.

    Raises:
      InputError: it lacks one.
    """
    for name in names:
        try:
            table.row(name)
        except InputError as error:
            raise InputError(f"{flag}: {error}") from error


def _check_overrides(wanted: Sequence[Arm], extra: Sequence[str]) -> None:
    """Checks the command line's overrides before anything runs.

    Raises:
      InputError: an override names a field that no config has or that the table itself sets, or
        its value is wrong.
    """
    runs = in_order(wanted)
    set_by_table = {"seed", TEACHERS, "data.name"}
    set_by_table.update(field for arm in runs for field in arm.row.overrides)
    for flag in extra:
        field = flag.removeprefix("--config.").partition("=")[0]
        if field in set_by_table:
            raise InputError(f"--config.{field}: the table sets it, run by run; leave it out")
    for arm in {(arm.dataset, arm.row.slug): arm for arm in runs}.values():
        costs.resolve(arm, extra)


def _check_records(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Checks that the records of all unfinished runs are there, before hours go into the first.

    Raises:
      InputError: some are missing.
    """
    runs = [arm for arm in in_order(wanted) if not arm.is_finished(out)]
    for arm in {(arm.dataset, arm.row.slug): arm for arm in runs}.values():
        settings = costs.resolve(arm, extra).data
        where = inputs.records_of(settings)
        if settings.source == "records":
            data.open_records(**{**where, "root": Path(_data_root(extra) or where["root"])})


def _check_converted(wanted: Sequence[Arm], out: Path) -> None:
    """Checks that converted weights are there, and that those which teach see the right frames.

    Raises:
      InputError: some are missing, or see other frames.
    """
    for arm in in_order(wanted):
        if arm.is_finished(out) or not arm.converted(out):
            continue
        frames = costs.resolve(arm).data.frames
        for folder in arm.converted(out):
            if not (folder / "model.json").is_file():
                raise InputError(
                    f"row '{arm.row.name}': no weights in '{folder}'; make them with python -m "
                    "vidkd_jax.convert --model=NAME --checkpoint=FILE "
                    f"--frames={frames} --out={folder}, of a still-image network with --frames=1 "
                    "(docs/weights.md)"
                )
        for folder in arm.converted(out, TEACHERS):
            if (its := load_card(folder).frames) not in (1, frames):
                raise InputError(
                    f"row '{arm.row.name}': the weights in '{folder}' see {its} frames; convert "
                    f"them again with --frames={frames}, a still-image network with --frames=1"
                )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out={folder}: cannot be written ({error.strerror}); choose another"
        ) from error


def _data_root(extra: Sequence[str]) -> str:
    """Returns the records' folder by the flag or by VIDKD_DATA; "" where neither is given."""
    flag = "--config.data.root="
    given = [value.removeprefix(flag) for value in extra if value.startswith(flag)]
    return given[-1] if given else with_home(os.environ.get("VIDKD_DATA", ""))


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return int(text)


def _wanted(table: Table, rows: Sequence[Row], scale: str, seeds: int) -> list[Arm]:
    """Returns the runs, seed by seed: a table that is stopped early has whole seeds."""
    return [
        row_arm(row, dataset, seed)
        for seed in range(seeds)
        for dataset in table.scales[scale].values()
        for row in rows
    ]


def _print_costs(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Prints every run's command and cost, the sum, and how much of it is left to run."""
    runs = in_order(wanted)
    dtype = costs.resolve(runs[0], extra).model.dtype
    speed, total = costs.machine_flops_per_second(dtype), 0.0
    left: list[float] = []
    known: dict[str, costs.Cost] = {}
    for arm in runs:
        key = f"{arm.dataset}/{arm.row.slug}"
        known[key] = known.get(key) or costs.cost(arm, extra, out)
        cost = known[key]
        total += cost.flops
        finished = arm.is_finished(out)
        if not finished:
            left.append(cost.flops)
        print(shlex.join(runner.command(arm, out, extra)))
        print(
            f"    {cost.videos:,} videos x {cost.passes} passes, {cost.flops:.2e} FLOPs, "
            f"about {_hours(cost.flops / speed)} here{' (finished)' if finished else ''}"
        )
    print(
        f"{len(runs)} runs, {total:.2e} FLOPs, about {_hours(total / speed)} at "
        f"{speed / 1e9:,.0f} GFLOP/s (half of this machine's {dtype} matrix product; epochs at "
        "most)"
    )
    if missing := sorted({f for arm in runs for f in arm.converted(out) if not f.exists()}):
        print(f"Without converted weights that are not there: {', '.join(map(str, missing))}")
    if len(left) < len(runs):
        print(f"{len(left)} of them are left to run, about {_hours(sum(left) / speed)}")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def write_table(
    table: Table,
    datasets: Mapping[str, str],
    out: Path,
    folder: Path,
    seeds: int,
    data_root: str = "",
) -> str:
    """Writes a table of the rows that are finished.

    Args:
      table: what to show.
      datasets: its columns: {heading: data set}.
      out: the folder of the runs.
      folder: where the table goes.
      seeds: runs of each row, at most.
      data_root: the records' folder, for pictures with frames and rows with a selection; "": the
        one that the runs had.

    Returns:
      The Markdown, and the path of the page.

    Raises:
      InputError: no row is finished together with the row that it is compared with; or the
        finished runs do not compare.
    """
    columns = [
        read_column(table, name, dataset, out, seeds, data_root)
        for name, dataset in datasets.items()
    ]
    if not any(map(Column.has_rows, columns)):
        raise InputError(f"--so_far: '{table.reference}' has no finished run in '{out}'; run it")
    _make_folder(folder)
    text = render.markdown(table, columns)
    (folder / "table.md").write_text(text)
    csv_files.write_csv(folder / "table.csv", columns)
    csv_files.write_seeds(folder / "seeds.csv", columns)
    return f"{text}\n{page.write_page(folder, table, columns, out, seeds, data_root)}"


if __name__ == "__main__":
    run_command(main)
