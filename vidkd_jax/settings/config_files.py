"""Where the config files are, which of them a name means, and the config that one makes.

A checkout has them in `configs/`, to be read and copied. A wheel has the same files in the package
(setup.py puts them into `vidkd_jax/configs`), so that `--config=ty_r18` works without a checkout.
"""

import inspect
import runpy
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings.config import config_type, parse, set_field, usual_root
from vidkd_jax.settings.settings import SECTIONS, DataSettings

_PACKAGE = Path(__file__).parents[1]
# A checkout has no folder `configs` in its package, and an installed package no other one.
FOLDER = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"


def names(folder: Path = FOLDER) -> list[str]:
    """Returns the names of all configs, such as "ty_r18", or of another folder's files."""
    return sorted(path.stem for path in folder.glob("*.py"))


def find(value: str, flag: str = "--config", folder: Path = FOLDER) -> Path:
    """Returns the file that `--config` means: a path, or the name of one of our configs.

    A file of the user's comes before a config of ours that has the same name, ending included.

    Args:
      value: "configs/ty_r18.py", "ty_r18" or "ty_r18.py"; without ":" and what follows it.
      flag: whose value it is.
      folder: of our files.

    Raises:
      InputError: there is neither such a file nor such a name.
    """
    path = Path(value)
    ours = folder / f"{value.removesuffix('.py')}.py"
    is_ours = value == path.name and ours.is_file()
    if path.is_file() and not (is_ours and not path.suffix):
        return path
    if is_ours:
        return ours
    raise InputError(f"{flag}={value}: no such file or name{suggest(path.stem, names(folder))}")


def parted(value: str) -> tuple[str, str]:
    """Returns the file or name of a `--config`, and the argument after its last colon, or ""."""
    file, colon, argument = value.rpartition(":")
    return (file, argument) if colon and not Path(value).is_file() else (value, "")


def load(path: Path, argument: str, given: Mapping[str, str]) -> ConfigDict:
    """Returns the config of a file, with the command line's overrides.

    Args:
      path: of the file.
      argument: of its `get_config`, the data set; "": none.
      given: texts by field, as `config.overrides` returns them. Without `data.root`, here or in
        the file, the records' folder is that of the variable VIDKD_DATA, where it is set.

    Raises:
      InputError: the file is no config or fails, or an override is wrong.
    """
    config = _own_config(path, argument)
    root = usual_root()
    if root and config.data.root == DataSettings.root:  # else the file names its own
        config.data.root = root
    for field, text in given.items():
        set_field(config, field, parse(f"--config.{field}", text, config_type(config, field)))
    return config


def _own_config(path: Path, argument: str) -> ConfigDict:
    where = f"{path}:{argument}" if argument else str(path)
    try:
        get_config = runpy.run_path(str(path))["get_config"]
        if argument and not inspect.signature(get_config).parameters:
            raise InputError(f"--config={where}: this config takes no argument; leave it out")
        config = get_config(*([argument] if argument else []))
    except InputError:
        raise
    except Exception as error:  # whatever a config file may raise
        raise InputError(f"--config={where}: {type(error).__name__}: {error}") from error
    if not isinstance(config, ConfigDict) or not {"name", "seed", *SECTIONS} <= {*config}:
        raise InputError(
            f"--config={where}: its get_config returns no config of ours; begin with "
            "settings.recipes.build or settings.config.get_base_config"
        )
    return config
