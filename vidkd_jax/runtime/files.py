"""Files written whole or not at all, folders that can be written to, JSON that can be read."""

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError, check_text


def make_folder(flag: str, folder: Path) -> None:
    """Makes the folder that a flag names, such as "--out", if it is not there.

    Raises:
      InputError: It cannot be made or written to, or its name could not be written into files.
    """
    check_text(flag, folder)
    if reason := why_not_writable(folder):
        raise InputError(f"{flag}={folder}: cannot be written ({reason}); choose another")


def why_not_writable(folder: Path) -> str:
    """Makes a folder if it is not there; returns why nothing can be written to it, "" if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return "" if os.access(folder, os.W_OK) else os.strerror(errno.EACCES)
    except OSError as error:
        return error.strerror or str(error)


def write_text(path: Path, text: str, **how: Any) -> None:
    """Writes a file as `Path.write_text` does, whose keyword arguments `how` are.

    If the process is killed or the disk is full, the file has the old or the new content.
    """
    with written(path) as temporary:
        temporary.write_text(text, **how)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file as `write_text` does."""
    with written(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives a path beside a file; what is written there takes the file's place at the end.

    Each writer has its own: two may write the same file.
    """
    temporary = replacing(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replacing(path: Path) -> Path:
    """Returns where this process may write a file until it is whole."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file; see `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_object(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file; {} if there is no file.

    Raises:
      InputError: The file is damaged, holds something else, or cannot be read.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises if a parent is not readable
        return {}
    try:
        value = json.loads(path.read_text())
        if not isinstance(value, dict):
            raise ValueError("it holds no object of fields")
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{path}' is damaged ({error}); copy it again, or delete it and run the command that "
            "wrote it again"
        ) from error
    return value
