"""The folder of a run: what it must contain before and after, and whether it may go on there."""

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

import vidkd_jax
from vidkd_jax import data
from vidkd_jax.errors import InputError
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.json_files import read_json, write_json
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.settings.config import flatten, get_base_config, to_json

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
# What may differ when a run goes on: how it reads and reports, how long it lasts.
MAY_CHANGE = (
    "name",
    "train.epochs",
    "train.log_every",
    "data.root",
    "data.videos",  # where the same ones are, as the records' identity says
    "data.annotations",
    "data.threads",
    "data.prefetch",
)


def lock_of(workdir: Path) -> Path:
    """Returns the file that a run locks while it writes to its folder."""
    return workdir / ".lock"


def check(workdir: Path, config: ConfigDict) -> dict[str, Any] | None:
    """Checks that a run in this folder is the same one; writes nothing.

    Returns:
      Its summary where it is finished and wants no more epochs, None otherwise.

    Raises:
      InputError: the folder holds a run of another config, a damaged one, or converted weights.
    """
    if os.path.exists(workdir / "model.json"):  # noqa: PTH110 - as in `read_json`
        raise InputError(
            f"--workdir='{workdir}' holds converted weights, which would be taken for the run's; "
            "choose another"
        )
    summary = read_json(workdir / "summary.json")
    if summary or _has_checkpoint(workdir):  # else nothing was trained that could be mixed up
        _check_same(workdir, config)
        _check_records(workdir, config)
    if summary and (summary["stopped_early"] or summary["epochs"] >= config.train.epochs):
        return summary
    return None


@contextlib.contextmanager
def claim(
    workdir: Path, config: ConfigDict, network: Mapping[str, Any]
) -> Iterator[dict[str, Any] | None]:
    """Creates the folder, writes `config.json` and keeps a second run of it out.

    The first process does, for all. Gives what `check` returns now that nobody else can write: the
    summary where another machine finished the run in the meantime.

    Args:
      workdir: the run's folder.
      config: of the run.
      network: its card, JSON: among others, the normalisation of the input; and "teachers",
        digests of their weights.

    Raises:
      InputError: in all processes: the folder cannot be written, or another run is writing there.
    """
    with contextlib.ExitStack() as stack:
        error = finished = None
        if sharding.is_main():
            try:
                stack.enter_context(_lock(workdir))
                finished = check(workdir, config)
                if finished is None:
                    _check_network(workdir, network)
                    _begin(workdir, config, network)
            except InputError as caught:
                error = caught
        sharding.raise_together(error)
        yield finished if sharding.is_main() else check(workdir, config)


@contextlib.contextmanager
def _lock(workdir: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_one(lock_of(workdir), f"--workdir='{workdir}'"))
        except OSError as error:
            raise InputError(
                f"--workdir='{workdir}' cannot be written ({error.strerror}); choose another"
            ) from error
        yield


def _begin(workdir: Path, config: ConfigDict, network: Mapping[str, Any]) -> None:
    # A run that goes on is not finished: nobody may take its last summary for it.
    (workdir / "summary.json").unlink(missing_ok=True)
    write_json(
        workdir / "config.json",
        {**to_json(config), "network": network, "environment": environment()},
    )


def _has_checkpoint(workdir: Path) -> bool:
    latest = workdir / "checkpoints" / "latest"
    # Not what a kill left of one. No Path.is_dir: as in `read_json`.
    return os.path.isdir(latest) and any(  # noqa: PTH112
        path.name.isdigit() for path in latest.iterdir()
    )


def check_teachers(workdir: Path, config: ConfigDict, digests: Callable[[], list[str]]) -> None:
    """Refuses a finished run whose teachers were others, by whatever path they go.

    Args:
      workdir: the run's folder.
      config: of the run.
      digests: gives those of the weights that the config names; asked only where the paths differ.

    Raises:
      InputError: they are not those that the run learnt from.
    """
    saved = read_json(workdir / "config.json") or {}
    before = saved.get("teachers", {}).get("runs", [])
    if [*map(os.path.realpath, before)] == [*map(os.path.realpath, config.teachers.runs)]:
        return
    if saved.get("network", {}).get("teachers") != digests():
        raise InputError(_other_teachers(workdir))


def _other_teachers(workdir: Path) -> str:
    return (
        f"config.teachers.runs: their weights are not those that the run in '{workdir}' began "
        "with; use another --workdir"
    )


def _check_network(workdir: Path, network: Mapping[str, Any]) -> None:
    """Refuses to go on where `model.init_from`, or a teacher's path, means another network."""
    saved = (read_json(workdir / "config.json") or {}).get("network")
    if not saved or not _has_checkpoint(workdir):
        return
    now = json.loads(json.dumps(network))  # tuples are lists in a file
    for name in ("normalisation", "model", "width"):
        if saved.get(name) != now[name]:
            raise InputError(
                f"config.model.init_from: its {name} is {network[name]} now, the run in "
                f"'{workdir}' began with {saved.get(name)}; use another --workdir"
            )
    if saved.get("teachers", now["teachers"]) != now["teachers"]:
        raise InputError(_other_teachers(workdir))


def records_of(config: ConfigDict) -> dict[str, Any]:
    """Returns which records a run reads: the arguments of `data.open_records`."""
    fields = ("name", "split", "short_side", "modality")
    return {"root": Path(config.data.root), **{field: config.data[field] for field in fields}}


def records_identity(config: ConfigDict) -> str:
    """Returns a hash of the lists and video files that a run reads, or its records were made of."""
    if config.data.source == "records":
        return data.identity(**records_of(config))
    from vidkd_jax.data.files import identity  # knows data_prep: only where asked for

    where = Path(config.data.videos), config.data.annotations or None
    try:
        return identity(config.data.name, *where, split=config.data.split)
    except InputError:  # they are gone, which a finished run does not mind; opening them says so
        return ""


def _check_records(workdir: Path, config: ConfigDict) -> None:
    """Refuses a run on other videos than those that now go by the same name."""
    saved = (read_json(workdir / "config.json") or {}).get("network", {}).get("records", "")
    now = records_identity(config)
    if saved and now and saved != now:
        where = config.data.root if config.data.source == "records" else config.data.videos
        raise InputError(
            f"'{workdir}' holds a run on other videos or lists of '{config.data.name}' than those "
            f"in '{where}'; use another --workdir"
        )


def saved_config(workdir: Path) -> dict[str, Any]:
    """Returns the config of the run in a folder by dotted field; {} where there is none.

    Fields that are younger than the run have their defaults.
    """
    saved = read_json(workdir / "config.json")
    if saved is None:
        return {}
    for beside in ("environment", "network"):
        saved.pop(beside, None)
    defaults = flatten(ConfigDict(to_json(get_base_config())))
    return {**defaults, **flatten(ConfigDict(saved))}


def _check_same(workdir: Path, config: ConfigDict) -> None:
    before, now = saved_config(workdir), flatten(ConfigDict(to_json(config)))
    if not before:
        return
    may_change = {*MAY_CHANGE, "teachers.runs"}  # of teachers the weights count: check_teachers
    if config.schedule.name == "cosine":  # its length decides on the rate of every epoch
        may_change -= {"train.epochs"}
    for field in sorted({*before, *now} - may_change):
        if before.get(field) != now.get(field):
            raise InputError(
                f"'{workdir}' holds a run with {field}={before.get(field)!r}, not "
                f"{now.get(field)!r}; use another --workdir"
            )


def environment() -> dict[str, Any]:
    """Returns versions, machine and devices."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "devices": [str(device) for device in jax.devices()],
        "processes": jax.process_count(),
        "vidkd_jax": vidkd_jax.__version__,
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def peak_memory_bytes() -> int:
    """Returns the peak of the first device's memory, or of this process where there is no such."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    return int(statistics.get("peak_bytes_in_use", process))
