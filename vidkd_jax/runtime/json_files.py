"""JSON files: whole or not at all, and one line where one is damaged."""

import json
import os
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one, never half of it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """Returns the file's value, None where there is no file.

    Raises:
      InputError: the file is damaged.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a parent is not readable
        return None
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{path}' is damaged ({error}); delete it and run the same command again"
        ) from error
