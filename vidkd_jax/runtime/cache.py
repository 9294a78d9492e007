"""The folder of caches: results that would otherwise be computed again in each run."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Returns $XDG_CACHE_HOME/vidkd_jax, or else ~/.cache/vidkd_jax. The folder may not exist yet.

    If the user has no home folder (as in a container that runs under a bare user number), the cache
    is in the folder of temporary files.
    """
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "vidkd_jax"
    try:
        return Path.home() / ".cache" / "vidkd_jax"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"vidkd_jax_{os.getuid()}"
