"""The settings of a table's run: its config, with the row's overrides and the command line's."""

from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings import config as config_lib
from vidkd_jax.settings import config_files
from vidkd_jax.settings.settings import Settings
from vidkd_jax.tables.arms import Arm


def resolve(arm: Arm, extra: Sequence[str] = ()) -> Settings:
    """Returns a run's settings, validated: as its command has them.

    But the folders of needed runs are relative to the folder of the tables.

    Args:
      arm: the run.
      extra: overrides of the command line, "--config.a.b=value".

    Raises:
      InputError: a field or a value is wrong.
    """
    path = config_files.FOLDER / f"{arm.row.config}.py"
    if not path.is_file():
        nearest = suggest(arm.row.config, config_files.names())
        raise InputError(f"row '{arm.row.name}': no config '{arm.row.config}'{nearest}")
    config = config_files.load(path, arm.dataset, config_lib.overrides(extra))
    config.seed = arm.seed
    for field, value in arm.overrides(Path()).items():
        config_lib.set_field(config, field, value)
    return config_lib.read(config)


def root_of(extra: Sequence[str]) -> str:
    """Returns the records' folder by the flag or by VIDKD_DATA; "" where neither is given."""
    return config_lib.overrides(extra).get("data.root") or config_lib.usual_root()
