"""What was compiled once is not compiled again."""

import os

import jax

from vidkd_jax.runtime.cache import cache_folder


def cache_compilations() -> None:
    """Keeps compiled steps between runs, unless JAX_COMPILATION_CACHE_DIR says where (or "")."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
