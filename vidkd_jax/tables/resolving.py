"""The settings of a table's run: its config, with the row's overrides and the command line's."""

from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.errors import naming
from vidkd_jax.settings import config as config_lib
from vidkd_jax.settings import config_files
from vidkd_jax.settings.settings import Settings
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.row import TEACHERS


def resolve(arm: Arm, extra: Sequence[str] = ()) -> Settings:
    """Returns a run's settings, validated: as its command has them.

    Args:
      arm: the run.
      extra: overrides of the command line, "--config.a.b=value".

    Raises:
      InputError: a field or a value is wrong.
    """
    with naming(f"row '{arm.row.name}'"):
        path = config_files.find(arm.row.config)
    config = config_files.load(path, arm.dataset, config_lib.overrides(extra))
    config.seed = arm.seed
    for field, value in arm.overrides().items():
        config_lib.set_field(config, field, value)
    return config_lib.read(config)


def teachers_elsewhere(arm: Arm, extra: Sequence[str] = ()) -> list[Path]:
    """Returns the folders of a run's trained teachers that are no runs of rows.

    They are converted weights, or named by their paths.
    """
    of_rows = {str(needed.folder) for needed in arm.needs(TEACHERS)}
    return [Path(f) for f in resolve(arm, extra).teachers.runs if f not in of_rows]


def root_of(extra: Sequence[str]) -> str:
    """Returns the records' folder by the flag or by VIDKD_DATA; "" where neither is given."""
    return config_lib.overrides(extra).get("data.root", config_lib.usual_root())
