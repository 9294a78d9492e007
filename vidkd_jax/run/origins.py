"""The weights that a run learns from and starts from, and whether they are those of before.

A run's config.json holds their digests, in "network": under "teachers" those of the trained
teachers, under "start" that of the weights that the student starts from. So the folders may move.
"""

import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from vidkd_jax import methods
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import load_epoch, saved_epoch
from vidkd_jax.networks.network import Variables, student_of
from vidkd_jax.run.saved import saved_environment, saved_fields, saved_network
from vidkd_jax.runtime import sharding
from vidkd_jax.settings import differences
from vidkd_jax.settings.settings import Settings

TEACHERS, START = "teachers", "start"  # in config.json
_CODE = "method_file"  # in "environment" of config.json
_FIELDS = {TEACHERS: differences.TAUGHT_BY, START: differences.STARTED_FROM}
PARTS = tuple(_FIELDS)
VIDEOS = "videos"  # in config.json, too: `Splits.digest`


def of_run(
    workdir: Path, settings: Settings, teachers: Sequence[str], *, resumed: bool
) -> dict[str, list[str]]:
    """Returns the digests for a run's config.json.

    Args:
      workdir: the run's folder.
      settings: of the run.
      teachers: the digests of its teachers' weights, which it has loaded.
      resumed: whether it goes on from a checkpoint. Then the weights that it started from may be
        gone, and their digest is the one that the folder holds; the card beside them is read again.

    Raises:
      InputError: the weights to start from cannot be read.
    """
    # All processes read the weights, or none: Orbax counts what it reads.
    before = resumed and sharding.all_say(_same_place(saved_fields(workdir), settings, START))
    with sharding.together():
        start = saved_network(workdir).get(START, []) if before else _digests(settings, START)
    return {TEACHERS: list(teachers), START: start}


def code_of(workdir: Path, settings: Settings) -> dict[str, str]:
    """Returns the digest of the file of a method of one's own, for a run's config.json.

    Of a run that is resumed it stays what it was.
    """
    before = saved_environment(workdir).get(_CODE) if saved_epoch(workdir) else None
    digest = before or _code_now(settings)
    return {_CODE: digest} if digest else {}


def _code_now(settings: Settings) -> str:
    file = methods.file_of(settings.method_name)
    return sha256(file.read_bytes()).hexdigest() if file else ""


def warn_of_code(workdir: Path, settings: Settings) -> None:
    """Says if the file of a method of one's own has changed since a run began."""
    before, now = saved_environment(workdir).get(_CODE), _code_now(settings)
    if before and now and before != now and sharding.is_main():
        print(
            f"caution: '{methods.file_of(settings.method_name)}', the file of method "
            f"'{settings.method_name}', has changed since the run in '{workdir}' began; another "
            "method wants another folder",
            file=sys.stderr,
        )


def check_finished(workdir: Path, settings: Settings) -> None:
    """Refuses a finished run that learnt from, or started from, other weights than the config's.

    Where the folders are named as before, their weights are not read. If the code of its method has
    changed, that is said.

    Raises:
      InputError: names the field.
    """
    warn_of_code(workdir, settings)
    fields = saved_fields(workdir)
    moved = [part for part in PARTS if not sharding.all_say(_same_place(fields, settings, part))]
    with sharding.together():
        for part in moved:
            check(workdir, saved_network(workdir), {part: _digests(settings, part)})


def check(workdir: Path, saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuses digests that are not those that a run's config.json holds.

    Args:
      workdir: the run's folder.
      saved: "network" of its config.json.
      now: as `of_run` returns them, or some of them.

    Raises:
      InputError: names the field.
    """
    for part, digests in now.items():
        if saved.get(part) != digests:
            raise InputError(
                f"config.{' or config.'.join(_FIELDS[part])}: the weights are not those that the "
                f"run in '{workdir}' began with; use another --workdir"
            )


def _same_place(before: dict[str, Any], settings: Settings, part: str) -> bool:
    """Whether the folders are those that a run's config.json names, by dotted field."""
    now = settings.by_field()
    return all(_real(before.get(field, "")) == _real(now.get(field, "")) for field in _FIELDS[part])


def _real(value: str | list[str]) -> list[str]:
    folders = [value] if isinstance(value, str) else value
    return [os.path.realpath(folder) for folder in folders if folder]


def _digests(settings: Settings, part: str) -> list[str]:
    """Returns the digests of the weights that the settings name, read from their folders."""
    if part == TEACHERS:
        return weights.digests(settings.teachers.runs)
    if trunk := settings.train.fork_from:
        state, _ = load_epoch(Path(trunk), settings.train.fork_epoch)
        return [weights.digest(student_of(Variables(**state["variables"])))]
    return weights.digests([settings.model.init_from] if settings.model.init_from else [])
