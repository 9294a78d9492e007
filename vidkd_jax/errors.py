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
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NoReturn


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
    return any(
        getattr(each, "errno", None) in DISK_FULL or "No space left on device" in str(each)
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
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
      leave: ends the process with a status after an error, also one that has a traceback.
    """
    sys.argv[1:] = map(_understood, sys.argv[1:])
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # it was closed
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    with _Interrupts().heard():
        try:
            status = _status(main, goes_on=goes_on)
        except Exception:
            if leave is sys.exit:
                raise
            traceback.print_exc()
            status = 1
    if status:
        leave(status)


class _Interrupts:
    """Raises `Stopped` in the main thread on SIGTERM, and `KeyboardInterrupt` on SIGINT.

    What is raised may be lost: Python ignores it while it frees objects, as JAX has it do many
    times in a run, and libraries catch it with everything else, as Orbax does while it reads a
    checkpoint. A thread looks whether it is still on its way, and else has it raised again.
    """

    def __init__(self) -> None:
        self._own, self._told = os.getpid(), list[KeyboardInterrupt]()
        self._read, self._write = os.pipe()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hears of the signals inside."""
        before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        otherwise = sys.unraisablehook

        def hear(ignored: "sys.UnraisableHookArgs") -> None:
            if not isinstance(ignored.exc_value, KeyboardInterrupt):
                otherwise(ignored)

        self._watcher.start()
        signal.signal(signal.SIGTERM, self._interrupt)
        if before[signal.SIGINT] is signal.default_int_handler:  # it is ignored in the background
            signal.signal(signal.SIGINT, self._interrupt)
        sys.unraisablehook = hear
        try:
            yield
        finally:
            self._over.set()
            os.close(self._write)
            self._watcher.join()
            os.close(self._read)
            sys.unraisablehook = otherwise
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _interrupt(self, number: int, _: object) -> None:
        if os.getpid() != self._own:  # a forked worker
            os._exit(128 + number)
        is_stopped = number == signal.SIGTERM or any(isinstance(e, Stopped) for e in self._told)
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)  # whoever repeats it does not want to wait
            signal.signal(signal.SIGINT, self._interrupt)  # by which it comes again
        self._told.append(Stopped() if is_stopped else KeyboardInterrupt())
        os.write(self._write, b".")  # without a lock, which the main thread may hold
        raise self._told[-1]

    def _watch(self) -> None:
        while os.read(self._read, 1):
            lost = 0
            while lost < 2:  # at one look it may be between two frames that handle it
                if self._over.wait(0.2):
                    return
                lost = 0 if self._told[-1] in _chain(_handled_by_main()) else lost + 1
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _handled_by_main() -> BaseException | None:
    """Returns the exception that the main thread handles now."""
    found: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    return found[1] if isinstance(found, tuple) else found  # a tuple in Python 3.11


def _status(main: Callable[[], None], *, goes_on: bool) -> int:
    """Runs `main`; says the error with which it ends, and returns the exit status."""
    try:
        main()
        sys.stdout.flush()
    except BaseException as error:  # an interrupt may be at the root of any
        for each in _chain(error):
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
