"""What is checked before a table's runs begin: its rows, overrides, records and weights."""

from collections.abc import Sequence
from pathlib import Path

from vidkd_jax import data
from vidkd_jax.errors import InputError, naming
from vidkd_jax.networks.checkpoints import saved_epoch
from vidkd_jax.networks.weights import load_card
from vidkd_jax.run import inputs, workdir
from vidkd_jax.tables.arms import Arm, in_order
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import TEACHERS
from vidkd_jax.tables.table import Table


def check_rows(table: Table, flag: str, names: Sequence[str]) -> None:
    """Checks that a table has the rows that a flag names.

    Raises:
      InputError: it lacks one.
    """
    for name in names:
        with naming(flag):
            table.row(name)


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
    for flag in extra:
        field = flag.removeprefix("--config.").partition("=")[0]
        if field in set_by_table:
            raise InputError(f"--config.{field}: the table sets it, run by run; leave it out")
    for arm in {arm.kind: arm for arm in runs}.values():
        resolve(arm, extra)


def is_done(arm: Arm, out: Path, extra: Sequence[str]) -> bool:
    """Whether a run has its results, and its command wants no more epochs.

    Raises:
      InputError: the folder holds a run of other settings, of more epochs, or on other videos.
    """
    if not arm.is_finished(out):
        return False
    return workdir.check(arm.folder(out), resolve(arm, extra), "--out") is not None


def missing_records(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> list[str]:
    """Returns what unfinished runs lack of their records, a line for each data set."""
    runs = [arm for arm in in_order(wanted) if not is_done(arm, out, extra)]
    missing: dict[str, None] = {}
    for arm in {arm.kind: arm for arm in runs}.values():
        settings = resolve(arm, extra).data
        if settings.source == "records":
            try:
                data.open_records(inputs.records_of(settings))
            except InputError as error:
                missing[str(error)] = None
    return list(missing)


def check_records(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Checks that the records of all unfinished runs are there, before hours go into the first.

    Raises:
      InputError: some are missing; it names all of them.
    """
    if missing := missing_records(wanted, out, extra):
        raise InputError("\n".join(missing))


def check_runs(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Checks that the runs which are there are those that are wanted.

    Raises:
      InputError: a folder holds a run of other settings, or on other videos.
    """
    for arm in in_order(wanted):
        folder = arm.folder(out)
        if not arm.is_finished(out) and not saved_epoch(folder):
            continue
        workdir.check(folder, resolve(arm, extra), "--out")


def check_converted(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Checks that converted weights are there, and that those which teach see the right frames.

    Raises:
      InputError: some are missing, or see other frames.
    """
    for arm in in_order(wanted):
        if not arm.converted(out) or is_done(arm, out, extra):
            continue
        frames = resolve(arm, extra).data.frames
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
