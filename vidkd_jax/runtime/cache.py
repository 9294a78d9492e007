"""Where the program keeps what it would otherwise compute again."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Returns $XDG_CACHE_HOME/vidkd_jax, or ~/.cache/vidkd_jax; it need not exist.

    A user without a home (a container run under a bare number) has one among the temporary files.
    """
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "vidkd_jax"
    try:
        return Path.home() / ".cache" / "vidkd_jax"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"vidkd_jax_{os.getuid()}"
