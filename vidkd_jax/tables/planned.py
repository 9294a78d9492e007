"""The runs that a command wants: the settings of each, and whether it is done."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from vidkd_jax.errors import InputError
from vidkd_jax.networks.checkpoints import saved_epoch
from vidkd_jax.run import origins, workdir
from vidkd_jax.settings.settings import DataSettings, Settings
from vidkd_jax.tables.arms import Arm, in_order, row_arm
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import Row


@dataclasses.dataclass(frozen=True)
class Planned:
    """A run that a command wants.

    Attributes:
      arm: the run.
      settings: as `resolve` returns them.
      done: whether it has its results, and its command wants no more epochs.
    """

    arm: Arm
    settings: Settings
    done: bool


def plan(wanted: Sequence[Arm], extra: Sequence[str]) -> list[Planned]:
    """Returns the runs that are wanted and all that they need, in an order that can be run.

    Args:
      wanted: the runs.
      extra: as in `resolve`.

    Raises:
      InputError: a folder holds a run of other settings, of more epochs, or on other videos.
    """
    return [_planned(arm, extra) for arm in in_order(wanted)]


def answered(
    rows: Iterable[Row], datasets: Iterable[str], extra: Sequence[str]
) -> list[DataSettings]:
    """Returns the data settings of the columns whose videos rows with a selection answer."""
    arms = [
        dataclasses.replace(row_arm(row, dataset, 0), dataset=dataset)
        for dataset in datasets
        for row in rows
        if row.selection is not None
    ]
    return [resolve(arm, extra).data for arm in arms]


def settled(runs: Sequence[Planned]) -> set[Path]:
    """Returns the folders of the runs that need no process of their own any more.

    They are done, and have learnt from the weights that are there now. Of the others that are done
    their own command says what is wrong.
    """
    return {run.arm.folder for run in runs if run.done and _is_of_these_weights(run)}


def _is_of_these_weights(run: Planned) -> bool:
    try:
        origins.check_finished(run.arm.folder, run.settings)
    except InputError:
        return False
    return True


def _planned(arm: Arm, extra: Sequence[str]) -> Planned:
    folder, settings = arm.folder, resolve(arm, extra)
    begun = arm.is_finished() or saved_epoch(folder)
    done = begun and workdir.check(folder, settings, "--out") is not None
    return Planned(arm, settings, bool(done))
