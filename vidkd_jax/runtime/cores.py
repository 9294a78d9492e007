"""The processor's cores, as far as this process may use them."""

import os


def usable_cores() -> int:
    """Returns how many cores this process may use; Slurm, `tables --jobs` and others limit it."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
