"""One run at a time where two would mix what they write."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidkd_jax.errors import InputError


def is_held(lock: Path) -> bool:
    """Whether a run holds the file of `only_one`."""
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or none that we could make
        return False
    return False


@contextmanager
def only_one(lock: Path, name: str = "", *, wait: bool = False) -> Iterator[None]:
    """Keeps a second run out of the folder of `lock`; a killed one leaves no lock behind.

    Args:
      lock: the file to lock; it is made, with its folder.
      name: of the folder, as the user knows it; its path by default.
      wait: until the other run is done with it.

    Raises:
      InputError: another run holds it (not if `wait`).
      OSError: the folder cannot be written.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise InputError(
                f"{name or lock.parent}: another run is writing there; wait until it ends, or "
                "choose another"
            ) from error
        yield
