"""What a run was computed on, and how much memory it took."""

import importlib.metadata
import os
import platform
import resource
import sys
from typing import Any

import jax

import vidkd_jax

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


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
    unit = 1 if sys.platform == "darwin" else 1024
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(statistics.get("peak_bytes_in_use", process))
