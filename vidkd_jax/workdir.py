"""The folder of a run: what it must contain before and after, and whether it may go on there."""

import importlib.metadata
import json
import os
import platform
import resource
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

import vidkd_jax
from vidkd_jax.config import flatten, to_json
from vidkd_jax.errors import InputError

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
# What may differ when a run goes on: how it reads and reports, how long it lasts.
_MAY_CHANGE = (
    "name",
    "train.epochs",
    "train.log_every",
    "data.root",
    "data.threads",
    "data.workers",
    "data.prefetch",
)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one, never half of it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    temporary.replace(path)


def open_workdir(workdir: Path, config: ConfigDict, *, is_main: bool) -> None:
    """Creates the folder, checks that a run there is the same one, and writes `config.json`.

    Raises:
      InputError: the folder cannot be written, or holds a run of another config.
    """
    path = workdir / "config.json"
    if path.exists():
        _check_same(path, config)
    if not is_main:
        return
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        write_json(path, {**to_json(config), "environment": environment()})
    except OSError as error:
        raise InputError(
            f"--workdir='{workdir}' cannot be written ({error.strerror}); choose another"
        ) from error


def _check_same(path: Path, config: ConfigDict) -> None:
    try:
        saved = json.loads(path.read_text())
        saved.pop("environment", None)
        before, now = flatten(ConfigDict(saved)), flatten(ConfigDict(to_json(config)))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"'{path}' is not a run's config ({error}); use another --workdir"
        ) from None
    for field in sorted({*before, *now} - {*_MAY_CHANGE}):
        if before.get(field) != now.get(field):
            raise InputError(
                f"'{path.parent}' holds a run with {field}={before.get(field)!r}, not "
                f"{now.get(field)!r}; use another --workdir"
            )


def read_summary(workdir: Path, epochs: int) -> dict[str, Any] | None:
    """Returns the summary of a run that is finished and wants no more epochs, None otherwise."""
    path = workdir / "summary.json"
    if not path.exists():
        return None
    summary = json.loads(path.read_text())
    return summary if summary["stopped_early"] or summary["epochs"] >= epochs else None


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
