"""Locks a folder, so that two runs never write to it at the same time."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vidkd_jax.errors import InputError

_TRIES, _PAUSE = 20, 0.05  # to take a lock; seconds between them


def is_held(lock: Path) -> bool:
    """Returns whether a run holds the lock of `only_one`."""
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no lock file, or we may not write it
        return False
    return False


@contextmanager
def only_one(lock: Path, name: str = "", *, wait: bool = False) -> Iterator[None]:
    """Keeps a second run out of the folder of `lock`. A killed run leaves no lock behind.

    Args:
      lock: The file to lock. It is created, and its folder, too.
      name: Name of the folder for the error message; its path by default.
      wait: Whether to wait until no other run holds the lock.

    Raises:
      InputError: Another run holds the lock, and `wait` is False.
      OSError: The folder cannot be written to.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        if wait:
            fcntl.flock(file, fcntl.LOCK_EX)
        elif not _try(file):
            raise InputError(
                f"{name or lock.parent}: another run is writing there; wait until it ends, or "
                "choose another folder"
            )
        yield


def _try(file: IO[str]) -> bool:
    """Locks a file unless another process keeps its lock; `is_held` has it for a moment."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PAUSE)
    return False
