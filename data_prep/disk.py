"""Disk errors in plain words, and files that are safely on the disk, for commands with --out.

A file must be on the disk itself, not only in the system's cache, before anything relies on it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidkd_jax.errors import InputError, is_disk_full
from vidkd_jax.video import VideoError

# Errors that mean: the folder that the user chose cannot be written to, is a file, leads to itself,
# or is on a disk without locks. Any other error (a failing disk, a bug) is not the user's fault and
# keeps its traceback.
_NOT_WRITABLE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR),
        *(errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP),
    }
)


@contextmanager
def clear_disk_errors(out: Path) -> Iterator[None]:
    """Turns the error of a full or read-only disk into one line that says what to do.

    Args:
      out: The value of --out.

    Raises:
      InputError: The disk is full, or `out` cannot be written to.
    """
    try:
        yield
    except (OSError, VideoError) as error:
        full = is_disk_full(error)
        if not full and getattr(error, "errno", None) not in _NOT_WRITABLE:
            raise
        remedy = "choose an --out that can be written to"
        if full:
            remedy = "free some space and run the same command again to continue"
        raise InputError(f"--out={out}: {getattr(error, 'strerror', error)}; {remedy}") from error


def sync(path: Path) -> None:
    """Flushes a file, or the list of names of a folder, from the system's cache to the disk.

    Some shared folders cannot flush lists of names, and need not: their server keeps them.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
