"""The settings of a table's run: its config, with the row's overrides and the command line's."""

import runpy
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

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
    get_config = runpy.run_path(str(path))["get_config"]
    config: ConfigDict = get_config(arm.dataset)
    config.seed = arm.seed
    if root := root_of(extra):
        config.data.root = root
    for field, value in arm.overrides(Path()).items():
        config_lib.set_field(config, field, value)
    for flag in extra:
        field, _, text = flag.removeprefix("--config.").partition("=")
        kind = _type_of(config, field)
        config_lib.set_field(config, field, config_lib.parse(f"--config.{field}", text, kind))
    return config_lib.read(config)


def _type_of(config: ConfigDict, field: str) -> type:
    """Returns the type of a field; `str` where there is none, as setting it says so."""
    try:
        kind: type = config_lib.config_type(config, field)
    except (KeyError, AttributeError):
        return str
    return kind


def root_of(extra: Sequence[str]) -> str:
    """Returns the records' folder by the flag or by VIDKD_DATA; "" where neither is given."""
    flag = "--config.data.root="
    given = [value.removeprefix(flag) for value in extra if value.startswith(flag)]
    return given[-1] if given else config_lib.usual_root()
