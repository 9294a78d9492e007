"""The error that means: the user's input is wrong, and here is what would be right.

`run_command` is the frame of every command: what its arguments mean, and how it exits.
"""

import argparse
import errno
import io
import os
import re
import signal
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import NoReturn


class InputError(Exception):
    """Wrong input from the user. The message names the file or field and the remedy.

    Commands print it as one line on stderr, without a traceback, and exit with status 2.
    """


class Stopped(KeyboardInterrupt):
    """The process was told to end (SIGTERM), as schedulers do: it ends as by Ctrl-C."""


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
    while error is not None:
        if getattr(error, "errno", None) in DISK_FULL or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def suggest(name: str, valid: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" with the nearest valid name, or the list where none is near."""
    valid = sorted(valid)
    near = get_close_matches(name, valid, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; valid: {', '.join(valid)}"


def first_of(names: Sequence[str], most: int) -> str:
    """Returns the first names in a line, and dots where there are more than `most`."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _understood(argument: str) -> str:
    """Returns an argument with the user's folder for ~."""
    flag, value = re.fullmatch(r"(-[^=]*=)?(.*)", argument, re.DOTALL).groups("")  # type: ignore
    return flag + with_home(value)


def with_home(text: str) -> str:
    """Returns a text with the user's folder for a ~ at its beginning; others as they are."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path would change other texts, and may raise


class FlagParser(argparse.ArgumentParser):
    """A parser of flags whose errors are one line, as all errors of commands are."""

    def error(self, message: str) -> NoReturn:
        """Raises InputError with the message."""
        raise InputError(message)


def run_command(
    main: Callable[[], None],
    *,
    goes_on: bool = True,
    leave: Callable[[int], NoReturn] = sys.exit,
) -> None:
    """Runs a command's `main` and exits: 0 done, 2 wrong input (one line on stderr), 1 else.

    Told to end by SIGTERM it ends as by Ctrl-C, with status 143, as shells count signals.

    The shell expands ~ only at the beginning of a word. Here it is expanded in --flag=~/path, too,
    for every flag of every command.

    Args:
      main: of the command.
      goes_on: whether the command, run again, goes on where it was interrupted.
      leave: ends the process with a status after an error.
    """
    sys.argv[1:] = map(_understood, sys.argv[1:])
    _raise_when_told()
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # it was closed
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    if status := _status(main, goes_on=goes_on):
        leave(status)


def _raise_when_told() -> None:
    """Raises `Stopped` in the main thread on SIGTERM, for good.

    Python ignores what is raised while it frees objects, as JAX has it do many times in a run, and
    an interrupt with it: such a one comes again.
    """
    own = os.getpid()

    def stop(number: int, _: object) -> None:
        if os.getpid() != own:  # a forked worker
            os._exit(128 + number)
        signal.signal(number, signal.SIG_DFL)  # whoever repeats it does not want to wait
        raise Stopped

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, KeyboardInterrupt):
            otherwise(ignored)
            return
        number = signal.SIGINT
        if isinstance(ignored.exc_value, Stopped):
            number = signal.SIGTERM
            signal.signal(number, stop)
        to_main = (threading.main_thread().ident, number)
        later = threading.Timer(0.1, signal.pthread_kill, to_main)
        later.daemon = True
        later.start()

    signal.signal(signal.SIGTERM, stop)
    otherwise, sys.unraisablehook = sys.unraisablehook, again


def _status(main: Callable[[], None], *, goes_on: bool) -> int:
    """Runs `main`; says the error with which it ends, and returns the exit status."""
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)  # a name may have more
        return 2
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        return _status_of(error)
    except KeyboardInterrupt as error:
        again = "run the same command again to continue" if goes_on else ""
        print("; ".join(filter(None, ("interrupted", *error.args, again))), file=sys.stderr)
        return 128 + signal.SIGTERM if isinstance(error, Stopped) else 1
    return 0


def _status_of(error: OSError) -> int:
    """Returns the exit status after an error of the system, and says what is wrong in one line.

    Raises:
      OSError: it is none of the user's files or disks.
    """
    if isinstance(error, BrokenPipeError):  # whoever read this has enough, such as `head`
        _leave_stdout()
        return 1
    if error.errno == errno.ENAMETOOLONG and error.filename is not None:
        print(f"error: {error.filename}: {error.strerror}; give a shorter name", file=sys.stderr)
        return 2
    if isinstance(error, PermissionError) and error.filename is not None:
        print(f"error: {error.filename}: {error.strerror}; give access to it", file=sys.stderr)
        return 2
    if is_disk_full(error):
        _leave_stdout()
        where = error.filename or "what is written"
        said = "no space left on device; free some and run the same command again"
        print(f"error: {where}: {said}", file=sys.stderr)
        return 2
    raise error


def _leave_stdout() -> None:
    """Lets what stdout still holds go nowhere when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
