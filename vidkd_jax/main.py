"""The command line: flags only. `python -m vidkd_jax.main --config=ty_r18`."""

import inspect
import runpy
import sys
from pathlib import Path
from typing import Any

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from vidkd_jax.errors import InputError, check_text, is_disk_full, run_command, suggest
from vidkd_jax.report import closing_lines
from vidkd_jax.run import workdir as workdir_lib
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.runtime.memory import keep_freed_memory
from vidkd_jax.settings import config_files
from vidkd_jax.settings.config import config_type, get_base_config, parse, read, usual_root
from vidkd_jax.settings.recipes import DATASETS
from vidkd_jax.settings.settings import flatten
from vidkd_jax.train import train_and_evaluate

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "The run's config: a file such as configs/ty_r18.py, or a name such as ty_r18; after a colon "
    "its argument, the data set: ty_r18:hmdb51.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "The run's folder; runs/<config's name> by default."
)


def main() -> None:
    """Trains, evaluates, reports; goes on where an earlier run of the same workdir stopped."""
    config = parse_flags(sys.argv)
    keep_freed_memory()
    cache_compilations()
    if config.distributed:
        sharding.initialize()
    workdir = Path(_WORKDIR.value or Path("runs") / config.name)
    check_text("--workdir", workdir)
    already = (workdir_lib.check(workdir, read(config)) and "already ") or ""
    summary = _run(config, workdir)
    if sharding.is_main():
        lines = closing_lines(summary, workdir, config.teachers.runs)
        print(f"{already}finished: {workdir}", *lines, sep="\n")


def _run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    try:
        return train_and_evaluate(config, workdir)
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise InputError(
            f"--workdir='{workdir}': no space left on device; free some and run the same command "
            "again: it goes on from the last checkpoint"
        ) from error


def parse_flags(argv: list[str]) -> ConfigDict:
    """Returns the resolved config.

    Raises:
      InputError: names the flag or field that is wrong, and the nearest valid name.
    """
    if {"--help", "-h"} & {*argv[1:]}:
        print(_help())
        sys.exit(0)
    if unexpected := [arg for arg in argv[1:] if not arg.startswith("-")]:
        raise InputError(f"unexpected argument '{unexpected[0]}': flags are --name=value")
    given = dict(arg.lstrip("-").split("=", 1) for arg in argv[1:] if "=" in arg)
    if "config" not in given:
        raise InputError(
            "--config is missing; give a file, or one of these names, as in --config=ty_r18: "
            f"{', '.join(config_files.names())}"
        )
    file, colon, argument = given["config"].partition(":")
    path = f"{config_files.find(file)}{colon}{argument}"
    try:
        flags.FLAGS([f"--config={path}" if _is_config(arg) else arg for arg in argv])
        config = _CONFIG.value
    except Exception as error:  # whatever a config file may raise
        raise InputError(_explain(given, path, error)) from error
    if (root := usual_root()) and "config.data.root" not in given:
        config.data.root = root
    logging.set_verbosity(logging.FATAL)  # libraries narrate; what fails is raised as well
    return config


def _help() -> str:
    """Returns how the command is used, with all configs, data sets and settings."""
    fields = flatten(get_base_config().to_dict())
    settings = [
        f"  --config.{field}" + ("" if value is None else f"={value!r}")
        for field, value in fields.items()
    ]
    return f"""\
usage: python -m vidkd_jax.main --config=NAME[:DATASET] [--workdir=DIR] [--config.FIELD=VALUE ...]

{main.__doc__}

  --config=NAME[:DATASET]  one of these configs, or a file of yours:
      {", ".join(config_files.names())}
    on one of these data sets:
      {", ".join(DATASETS)}
  --workdir=DIR  {flags.FLAGS["workdir"].help}
  --config.FIELD=VALUE  changes one setting of the config. The defaults, before a config:
{chr(10).join(settings)}"""


def _is_config(argument: str) -> bool:
    return argument.lstrip("-").startswith("config=")


def _explain(given: dict[str, str], path: str, error: Exception) -> str:
    """Returns one line: the first field that does not exist, or what the flags library says."""
    config = _load_config(path)
    valid = flatten(config.to_dict())
    for name, text in given.items():
        field = name.removeprefix("config.")
        if field == name:
            continue
        if field not in valid:
            return f"--config.{field}: no such field{suggest(field, valid)}"
        try:
            parse(f"--config.{field}", text, config_type(config, field))
        except InputError as wrong:
            return str(wrong)
    return str(error).strip().splitlines()[-1]  # of a traceback, the cause


def _load_config(value: str) -> ConfigDict:
    """Returns the config of a file by itself, without the command line's overrides."""
    path, _, argument = value.partition(":")
    try:
        get_config = runpy.run_path(path)["get_config"]
        if argument and not inspect.signature(get_config).parameters:
            raise InputError(f"--config={value}: this config takes no argument; leave it out")
        return get_config(*([argument] if argument else []))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"--config={value}: {type(error).__name__}: {error}") from error


if __name__ == "__main__":
    run_command(main)
