"""What was compiled once is not compiled again."""

import os
from pathlib import Path

import jax


def cache_compilations() -> None:
    """Keeps compiled steps between runs, unless JAX_COMPILATION_CACHE_DIR says where (or "")."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path.home() / ".cache" / "vidkd_jax"
        jax.config.update("jax_compilation_cache_dir", str(folder))
