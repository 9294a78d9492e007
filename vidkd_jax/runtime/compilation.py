"""Enables JAX's persistent compilation cache."""

import os

import jax

from vidkd_jax.runtime.cache import cache_folder


def cache_compilations() -> None:
    """Keeps compiled steps between runs, in `cache_folder`.

    The environment variable JAX_COMPILATION_CACHE_DIR chooses another folder; "" switches it off.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
