"""The runs that a command wants: the settings of each, and whether it is done."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.networks.checkpoints import saved_epoch
from vidkd_jax.run import workdir
from vidkd_jax.settings.settings import Settings
from vidkd_jax.tables.arms import Arm, in_order
from vidkd_jax.tables.resolving import resolve


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


def plan(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> list[Planned]:
    """Returns the runs that are wanted and all that they need, in an order that can be run.

    Args:
      wanted: the runs.
      out: the folder that all tables share.
      extra: as in `resolve`.

    Raises:
      InputError: a folder holds a run of other settings, of more epochs, or on other videos.
    """
    return [_planned(arm, out, extra) for arm in in_order(wanted)]


def _planned(arm: Arm, out: Path, extra: Sequence[str]) -> Planned:
    folder, settings = arm.folder(out), resolve(arm, extra)
    begun = arm.is_finished(out) or saved_epoch(folder)
    done = begun and workdir.check(folder, settings, "--out") is not None
    return Planned(arm, settings, bool(done))
