"""The error that means: the user's input is wrong, and here is what would be right.

`run_command` is the frame of every command: what its arguments mean, and how it exits.
"""

import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches


class InputError(Exception):
    """Wrong input from the user. The message names the file or field and the remedy.

    Commands print it as one line on stderr, without a traceback, and exit with status 2.
    """


class RunError(Exception):
    """The run cannot go on, and not for wrong input. Printed as one line; exit status 1."""


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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


def _understood(argument: str) -> str:
    """Returns an argument with the user's folder for ~, and --help for its longer forms."""
    if argument in ("--helpfull", "--helpshort"):
        return "--help"
    flag, value = re.fullmatch(r"(-[^=]*=)?(.*)", argument, re.DOTALL).groups("")  # type: ignore
    return flag + with_home(value)


def with_home(text: str) -> str:
    """Returns a text with the user's folder for a ~ at its beginning; others as they are."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path would change other texts, and may raise


def run_command(main: Callable[[], None]) -> None:
    """Runs a command's `main` and exits: 0 done, 2 wrong input (one line on stderr), 1 else.

    The shell expands ~ only at the beginning of a word. Here it is expanded in --flag=~/path, too,
    for every flag of every command.
    """
    sys.argv[1:] = map(_understood, sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except PermissionError as error:
        if error.filename is None:  # no file of the user's
            raise
        print(f"error: {error.filename}: {error.strerror}; give access to it", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read this has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        sys.exit(1)
