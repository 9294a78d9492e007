"""Writes JSON files atomically, and reads them with an error of one line if they are damaged."""

import json
import os
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file; if the process is killed, the file has the old or the new content."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    temporary.replace(path)


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
