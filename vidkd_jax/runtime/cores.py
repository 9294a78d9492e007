"""The processor's cores, as far as this process may use them."""

import os


def usable_cores() -> int:
    """Returns how many cores this process may use; Slurm, `tables --jobs` and others limit it."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def deal(process: int, share: int, shares: int) -> None:
    """Gives a process one of several shares of this one's cores; other systems than Linux cannot.

    Args:
      process: its number; it must not have counted its cores yet.
      share: number of its share, from 0.
      shares: how many there are. Those beyond the number of cores are of all of them.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process, cores[share::shares] or cores)
