"""Where the program keeps what it would otherwise compute again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Returns $XDG_CACHE_HOME/vidkd_jax, or ~/.cache/vidkd_jax; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vidkd_jax"
