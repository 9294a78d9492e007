"""Writes text, bytes and JSON atomically, and reads JSON; damage is an error of one line."""

import json
import os
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError


def write_text(path: Path, text: str, **how: Any) -> None:
    """Writes a file as `Path.write_text` does, whose keyword arguments `how` are.

    If the process is killed or the disk is full, the file has the old or the new content.
    """
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, **how)
    temporary.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file as `write_text` does."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file; see `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Returns the value in the file, or None if there is no file.

    Raises:
      InputError: The file is damaged or cannot be read.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises if a parent is not readable
        return None
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{path}' is damaged ({error}); delete it and run the same command again"
        ) from error
