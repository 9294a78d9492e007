"""The error that means: the user's input is wrong, and here is what would be right."""

import errno
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches


class InputError(Exception):
    """Wrong input from the user. The message names the file or field and the remedy.

    Commands print it as one line on stderr, without a traceback, and exit with status 2.
    """


class RunError(Exception):
    """The run cannot go on, and not for wrong input. Printed as one line; exit status 1."""


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Puts the name of a field, flag or file before the message of an `InputError`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


# What reading a damaged file may raise.
DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def check_text(where: str, value: str | os.PathLike[str]) -> None:
    """Refuses a name that is not UTF-8, as files on Linux may have: no JSON could hold it.

    Args:
      where: the flag or field whose value it is.
      value: as the command line gives it; of a path, the folders above count, too.

    Raises:
      InputError: it is not UTF-8.
    """
    whole = value if isinstance(value, str) else os.path.abspath(value)  # noqa: PTH100 - no links
    try:
        whole.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}={whole!a}: the name is not UTF-8 text; choose another") from None


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk or quota is at the root of an exception, whoever wrapped it."""
    return any(
        getattr(each, "errno", None) in DISK_FULL
        or any(os.strerror(code) in str(each) for code in DISK_FULL)  # as libraries say it
        for each in chain(error)
    )


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an exception, and those at its root."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def suggest(name: str, valid: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" with the nearest valid name, or the list where none is near."""
    valid = sorted(valid)
    near = get_close_matches(name, valid, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; valid: {', '.join(valid)}"


def first_of(names: Sequence[str], most: int) -> str:
    """Returns the first names in a line, and dots where there are more than `most`."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def with_home(text: str) -> str:
    """Returns a text with the user's folder for a ~ at its beginning; others as they are."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path would change other texts, and may raise
