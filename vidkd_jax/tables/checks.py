"""What is checked before a table's runs begin: its rows, overrides, records and weights."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from vidkd_jax import data
from vidkd_jax.errors import InputError, naming
from vidkd_jax.networks.weights import load_card
from vidkd_jax.run import init_from, inputs
from vidkd_jax.run.saved import saved_summary
from vidkd_jax.settings import differences
from vidkd_jax.settings.config import overrides
from vidkd_jax.settings.settings import DataSettings
from vidkd_jax.tables.arms import Arm, in_order, row_arm
from vidkd_jax.tables.planned import Planned
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import TEACHERS, TRUNK, Row
from vidkd_jax.tables.table import Table


def check_rows(table: Table, flag: str, names: Sequence[str]) -> None:
    """Checks that a table has the rows that a flag names.

    Raises:
      InputError: it lacks one.
    """
    for name in names:
        with naming(flag):
            table.row(name)


def check_shared(table: Table, runs: Iterable[Arm]) -> None:
    """Checks that no row has a run of its reference where its own other seed is meant.

    Rows that choose clips of one run, or that are a single run, may share it with their reference;
    the noise floor may not, because it is to show how far different runs differ.

    Args:
      table: names the rows, and what each is compared with.
      runs: of all rows and seeds.

    Raises:
      InputError: such a row has a run of its reference.
    """
    of_row: dict[str, dict[Path, int]] = {}
    for arm in runs:
        of_row.setdefault(arm.row.name, {})[arm.folder] = arm.table_seed
    single = table.shared_rows()
    for name, own in of_row.items():
        reference = table.against(table.row(name))
        others = of_row[reference]
        if name in table.noise:
            shared = [folder for folder in own if folder in others]
        elif name in single or reference in single:
            shared = []
        else:
            shared = [folder for folder, seed in own.items() if others.get(folder, seed) != seed]
        if shared:
            raise InputError(
                f"rows '{name}' and '{reference}' are both '{min(shared)}', and would differ less "
                "than equal runs do; give the one that repeats the other a seed_offset above all "
                "seeds, such as 1000"
            )


def check_overrides(table: Sequence[Arm], wanted: Sequence[Arm], extra: Sequence[str]) -> None:
    """Checks the command line's overrides before anything runs.

    Args:
      table: the runs of all of its rows. It could not show runs with a field that one of them sets.
      wanted: the runs that are to be made.
      extra: the overrides.

    Raises:
      InputError: an override names a field that no config has or that the table itself sets, or
        its value is wrong.
    """
    runs = in_order(wanted)
    set_by_table = {"seed", TEACHERS, "data.name"}
    set_by_table.update(field for arm in in_order(table) for field in arm.row.overrides)
    for field in overrides(extra):
        if field in set_by_table:
            raise InputError(f"--config.{field}: the table sets it, run by run; leave it out")
    for arm in {arm.kind: arm for arm in runs}.values():
        resolve(arm, extra)
        if extra:  # the table compares the finished runs with what their rows mean by themselves
            with naming(f"row '{arm.row.name}', without the command line's settings"):
                resolve(arm)


def check_splits(rows: Iterable[Row], columns: Iterable[str], extra: Sequence[str]) -> None:
    """Checks that the runs of a column, and those that they need, are of one split of a data set.

    Args:
      rows: of the table.
      columns: their data sets.
      extra: the command line's overrides.

    Raises:
      InputError: two are of different ones: a test video of the one may train the other.
    """
    rows = list(rows)
    for column in columns:
        found: dict[str, tuple[int, str]] = {}
        for arm in in_order(row_arm(row, column, 0) for row in rows):
            data = resolve(arm, extra).data
            split, other = found.setdefault(data.name, (data.split, arm.row.name))
            if split != data.split:
                raise InputError(
                    f"rows '{other}' and '{arm.row.name}': data.split={split} and {data.split} of "
                    f"'{data.name}', and one split's test videos train the other; give each split "
                    "a column, such as 'ucf101_split2', or an --out of its own with "
                    "--config.data.split=2 (docs/tables.md)"
                )


def missing_records(runs: Sequence[Planned], answered: Iterable[DataSettings] = ()) -> list[str]:
    """Returns what lacks its records, a line for each data set.

    Args:
      runs: of those that are done nothing is asked.
      answered: whose videos rows with a selection answer in the end.
    """
    missing: dict[str, None] = {}
    wanted = {run.arm.kind: run.settings.data for run in runs if not run.done}
    for settings in (*wanted.values(), *answered):
        if settings.source == "records":
            try:
                data.open_records(inputs.records_of(settings))
            except InputError as error:
                missing[str(error)] = None
    return list(missing)


def check_records(runs: Sequence[Planned], answered: Iterable[DataSettings] = ()) -> None:
    """Checks that all records are there, before hours go into the first run.

    Args:
      runs: as in `missing_records`.
      answered: likewise.

    Raises:
      InputError: some are missing; it names all of them.
    """
    if missing := missing_records(runs, answered):
        raise InputError("\n".join(missing))


def check_forks(runs: Sequence[Planned]) -> None:
    """Checks that trunks keep the epochs after which other runs fork, and that these fit them.

    Whether validation ends a trunk before that epoch is known only of one that is done.

    Raises:
      InputError: one does not.
    """
    by_folder = {run.arm.folder: run for run in runs}
    for run in [run for run in runs if not run.done]:
        row, after = run.arm.row.name, run.settings.train.fork_epoch
        for needed in run.arm.needs(TRUNK):
            folder = needed.folder
            trunk = by_folder[folder]
            _check_epoch(row, after, trunk, folder)
            before, now = trunk.settings.by_field(), run.settings.by_field()
            if fields := differences.when_forked(before, now):
                field = fields[0]
                raise InputError(
                    f"row '{row}': {field}={now[field]!r}, but it forks from row "
                    f"'{needed.row.name}', which has {before.get(field)!r}; a fork keeps it"
                )


def _check_epoch(row: str, after: int, trunk: Planned, folder: Path) -> None:
    """Refuses a fork after an epoch that its trunk does not reach, or does not keep."""
    train = trunk.settings.train
    fork = f"row '{row}': forks after epoch {after} of row '{trunk.arm.row.name}'"
    if after > train.epochs:
        raise InputError(f"{fork}, which has train.epochs={train.epochs}; fork after one of these")
    if after not in (*train.keep_epochs, train.epochs - 1, train.epochs):
        raise InputError(
            f"{fork}, which keeps {train.keep_epochs}; make that row by trunk(..., after={after})"
        )
    ended = saved_summary(folder).get("epochs", after) if trunk.done else after
    if after > ended:
        raise InputError(
            f"{fork}, but validation ended '{folder}' after epoch {ended}; fork earlier, or let "
            "the row train on (schedule.perfect_epochs=0, a larger schedule.early_stopping)"
        )


def check_converted(runs: Sequence[Planned]) -> None:
    """Checks that converted weights are there, and fit: as a start, or as teachers' frames.

    Args:
      runs: of those that are done nothing is asked.

    Raises:
      InputError: some are missing, are another network's, or see other frames.
    """
    for run in [run for run in runs if not run.done]:
        arm, frames = run.arm, run.settings.data.frames
        for folder in arm.converted():
            if not (folder / "model.json").is_file():
                raise InputError(
                    f"row '{arm.row.name}': no weights in '{folder}'; make them with python -m "
                    "vidkd_jax.convert --model=NAME --checkpoint=FILE "
                    f"--frames={frames} --out={folder}, of a still-image network with --frames=1 "
                    "(docs/weights.md)"
                )
        if arm.converted("model.init_from"):
            with naming(f"row '{arm.row.name}'"):
                init_from.cards(run.settings)
        for folder in arm.converted(TEACHERS):
            if (its := load_card(folder).frames) not in (1, frames):
                raise InputError(
                    f"row '{arm.row.name}': the weights in '{folder}' see {its} frames; convert "
                    f"them again with --frames={frames}, a still-image network with --frames=1"
                )
