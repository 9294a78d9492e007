"""The command line: flags only. `python -m vidkd_jax.main --config=ty_r18`."""

import argparse
import json
from pathlib import Path
from typing import Any

from absl import logging
from ml_collections import ConfigDict

from vidkd_jax.errors import InputError, RunError, check_text, is_disk_full
from vidkd_jax.networks.checkpoints import saved_epoch
from vidkd_jax.report import closing_lines
from vidkd_jax.run.saved import saved_summary
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.runtime.interrupts import end_when_told
from vidkd_jax.runtime.memory import keep_freed_memory
from vidkd_jax.settings import config_files
from vidkd_jax.settings.config import get_base_config, overrides, read
from vidkd_jax.settings.recipes import DATASETS
from vidkd_jax.settings.settings import flatten
from vidkd_jax.train import train_and_evaluate

_ANOTHER = (
    "This may be because another process of the run has ended: see what each of them says last. "
    "The same commands go on from the last checkpoint."
)


def main(argv: list[str] | None = None) -> None:
    """Trains, evaluates, reports; goes on where an earlier run of the same workdir stopped."""
    flags, extra = _parser().parse_known_args(argv)
    given = overrides(extra, ("--config", "--workdir", "--finish"))
    if flags.config is None:
        raise InputError(
            "--config is missing; give a file, or one of these names, as in --config=ty_r18: "
            f"{', '.join(config_files.names())}"
        )
    file, argument = config_files.parted(flags.config)
    config = config_files.load(config_files.find(file), argument, given)
    settings, workdir = read(config), Path(flags.workdir or Path("runs") / config.name)
    check_text("--workdir", workdir)
    logging.set_verbosity(logging.FATAL)  # libraries narrate; what fails is raised as well
    keep_freed_memory()
    cache_compilations()
    if settings.distributed:
        end_when_told()
        sharding.initialize()
    before = json.dumps(saved_summary(workdir))
    summary = _run(config, workdir, finish=flags.finish)
    if sharding.is_main():
        already = "already " if json.dumps(summary) == before else ""
        lines = closing_lines(summary, workdir, settings.teachers.runs)
        print(f"{already}finished: {workdir}", *lines, sep="\n")


def _run(config: ConfigDict, workdir: Path, *, finish: bool) -> dict[str, Any]:
    try:
        return train_and_evaluate(config, workdir, finish=finish)
    except KeyboardInterrupt as error:
        epoch = saved_epoch(workdir)
        kept = f"{epoch} of {config.train.epochs} epochs are kept" if epoch else "no epoch was done"
        raise type(error)(kept) from error
    except Exception as error:
        if not is_disk_full(error):
            if config.distributed and not isinstance(error, (InputError, RunError)):
                error.add_note(_ANOTHER)
            raise
        raise InputError(
            f"--workdir='{workdir}': no space left on device; free some and run the same command "
            "again: it goes on from the last checkpoint"
        ) from error


def _parser() -> argparse.ArgumentParser:
    fields = flatten(get_base_config().to_dict())
    settings = [
        f"  --config.{field}" + ("" if value is None else f"={value!r}")
        for field, value in fields.items()
    ]
    parser = FlagParser(
        prog="python -m vidkd_jax.main",
        usage="%(prog)s --config=NAME[:DATASET] [--workdir=DIR] [--finish] "
        "[--config.FIELD=VALUE ...]",
        description=main.__doc__,
        epilog="  --config.FIELD=VALUE  changes one setting of the config. The defaults, before a "
        "config:\n" + "\n".join(settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        metavar="NAME[:DATASET]",
        help=f"one of these configs, or a file of yours: {', '.join(config_files.names())}; on one "
        f"of these data sets: {', '.join(DATASETS)}",
    )
    parser.add_argument(
        "--workdir",
        metavar="DIR",
        help="the run's folder; runs/<config's name> by default",
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="train no further: test the best student so far, so that it can be used; the same "
        "command without it goes on",
    )
    return parser


if __name__ == "__main__":
    run_command(main, leave=sharding.leave)
