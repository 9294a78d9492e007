"""The command line: flags only. `python -m vidkd_jax.main --config=configs/ty_r18.py`."""

import os
import sys
from pathlib import Path

import jax
from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from vidkd_jax import sharding
from vidkd_jax.config import flatten
from vidkd_jax.errors import InputError, run_command, suggest
from vidkd_jax.train import train_and_evaluate

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The run's config, such as configs/ty_r18.py or configs/ty_r18.py:hmdb51."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "The run's folder; runs/<config's name> by default."
)


def main() -> None:
    """Trains, evaluates, reports; goes on where an earlier run of the same workdir stopped."""
    config = parse_flags(sys.argv)
    _cache_compilations()
    if config.distributed:
        sharding.initialize()
    workdir = Path(_WORKDIR.value or Path("runs") / config.name)
    finished = (workdir / "summary.json").exists()
    summary = train_and_evaluate(config, workdir)
    print(f"{'already finished' if finished else 'finished'}: {workdir}")
    print(
        f"Video@1 {summary['video_top1']:.1%}  Clip@1 {summary['clip_top1']:.1%}  "
        f"ECE {summary['ece']:.3f}  ({summary['num_classes']} classes, {summary['epochs']} epochs, "
        f"{summary['train_seconds'] / 60:.1f} min)"
    )
    print(f"report: {workdir / 'report' / 'index.html'}")


def parse_flags(argv: list[str]) -> ConfigDict:
    """Returns the resolved config.

    Raises:
      InputError: names the flag or field that is wrong, and the nearest valid name.
    """
    if unexpected := [arg for arg in argv[1:] if not arg.startswith("-")]:
        raise InputError(f"unexpected argument '{unexpected[0]}': flags are --name=value")
    try:
        flags.FLAGS(argv)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"--config: no file '{error.filename or error}'") from error
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, SyntaxError) as error:
        raise InputError(_explain(argv, error)) from error
    if _CONFIG.value is None:
        raise InputError("--config is missing; give one of configs/, as --config=configs/ty_r18.py")
    config = _CONFIG.value
    if (root := os.environ.get("VIDKD_DATA")) and not _given(argv, "config.data.root"):
        config.data.root = root
    logging.set_verbosity(logging.ERROR)  # libraries narrate; the progress bar is enough
    return config


def _given(argv: list[str], name: str) -> bool:
    return any(arg.lstrip("-").split("=")[0] == name for arg in argv)


def _explain(argv: list[str], error: Exception) -> str:
    """Returns one line: the first field that does not exist, or what the flags library says."""
    overrides = [arg for arg in argv if arg.lstrip("-").startswith("config.")]
    if overrides and (config_arg := [a for a in argv if a.lstrip("-").startswith("config=")]):
        valid = flatten(_load_config(config_arg[0].split("=", 1)[1]))
        for override in overrides:
            field = override.lstrip("-").split("=")[0].removeprefix("config.")
            if field not in valid:
                return f"--config.{field}: no such field{suggest(field, valid)}"
    return str(error).strip().splitlines()[-1]  # of a traceback, the cause


def _load_config(value: str) -> ConfigDict:
    """Loads a config file by itself, without overrides."""
    holder = flags.FlagValues()
    config_flags.DEFINE_config_file("config", None, "", flag_values=holder)
    holder(["", f"--config={value}"])
    return holder["config"].value


def _cache_compilations() -> None:
    """Keeps compiled steps between runs, unless JAX_COMPILATION_CACHE_DIR says where (or "")."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path.home() / ".cache" / "vidkd_jax"
        jax.config.update("jax_compilation_cache_dir", str(folder))


if __name__ == "__main__":
    run_command(main)
