"""The frame of every command: what its arguments mean, and how it exits."""

import argparse
import errno
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from vidkd_jax.errors import InputError, RunError, chain, is_disk_full, suggest, with_home
from vidkd_jax.runtime.interrupts import Interrupts, Stopped


class FlagParser(argparse.ArgumentParser):
    """A parser of flags whose errors are one line, as all errors of commands are."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Returns the flags' values.

        Raises:
          InputError: an argument is none of the flags, of which the nearest is named.
        """
        found, unknown = self.parse_known_args(args, namespace)
        for argument in unknown:
            if argument.startswith("-"):
                meant = suggest(argument.partition("=")[0], self._option_string_actions)
            else:
                meant = "; put a value with spaces into quotes, as in --flag='a b'"
            raise InputError(f"unexpected argument '{argument}'{meant}")
        return found

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
      leave: ends the process with a status after an error, also one that has a traceback.
    """
    sys.argv[1:] = map(_understood, sys.argv[1:])
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # it was closed
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    with Interrupts().heard():
        try:
            status = _status(main, goes_on=goes_on)
        except Exception:
            if leave is sys.exit:
                raise
            traceback.print_exc()
            status = 1
    if status:
        leave(status)


def _understood(argument: str) -> str:
    """Returns an argument with the user's folder for ~."""
    flag, value = re.fullmatch(r"(-[^=]*=)?(.*)", argument, re.DOTALL).groups("")  # type: ignore
    return flag + with_home(value)


def _status(main: Callable[[], None], *, goes_on: bool) -> int:
    """Runs `main`; says the error with which it ends, and returns the exit status."""
    try:
        main()
        sys.stdout.flush()
    except BaseException as error:  # an interrupt may be at the root of any
        for each in chain(error):
            if isinstance(each, KeyboardInterrupt):
                return _status_of_interrupt(each, goes_on=goes_on)
        if isinstance(error, InputError):  # a name in it may have more lines
            print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
            return 2
        if isinstance(error, RunError):
            print(f"error: {error}", file=sys.stderr)
            return 1
        if isinstance(error, OSError):
            return _status_of(error)
        raise
    return 0


def _status_of_interrupt(interrupt: KeyboardInterrupt, *, goes_on: bool) -> int:
    """Says that the command was interrupted, and returns the exit status."""
    again = "run the same command again to continue" if goes_on else ""
    print("; ".join(filter(None, ("interrupted", *interrupt.args, again))), file=sys.stderr)
    return 128 + signal.SIGTERM if isinstance(interrupt, Stopped) else 1


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
