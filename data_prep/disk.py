"""What every command that writes below --out does with the disk: clear errors, nothing half done.

What is done once must be on the disk itself, not in its cache, before anything else relies on it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidkd_jax.errors import InputError, is_disk_full
from vidkd_jax.video import VideoError

# The folder that the user chose cannot be written to, or is a file. Anything else is no fault of
# the user's (a failing disk, a bug) and keeps its traceback.
_NOT_WRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR})


@contextmanager
def clear_disk_errors(out: Path) -> Iterator[None]:
    """Says of a full or read-only disk what it is; nothing that was done is lost.

    Args:
      out: What the user gave as --out.

    Raises:
      InputError: Instead of the disk's error.
    """
    try:
        yield
    except (OSError, VideoError) as error:
        full = is_disk_full(error)
        if not full and getattr(error, "errno", None) not in _NOT_WRITABLE:
            raise
        remedy = "free some space" if full else "choose an --out that can be written to"
        raise InputError(
            f"--out={out}: {getattr(error, 'strerror', error)}; {remedy} and run the same command "
            "again, it continues"
        ) from error


def sync(path: Path) -> None:
    """Puts a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
