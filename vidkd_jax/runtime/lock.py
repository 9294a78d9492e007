"""Locks a folder, so that two runs never write to it at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidkd_jax.errors import InputError


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
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise InputError(
                f"{name or lock.parent}: another run is writing there; wait until it ends, or "
                "choose another folder"
            ) from error
        yield
