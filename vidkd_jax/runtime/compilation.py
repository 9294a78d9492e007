"""Compilation: JAX's persistent cache, and what people see while they wait for the compiler."""

import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
from tqdm import tqdm

from vidkd_jax.runtime.cache import cache_folder
from vidkd_jax.runtime.files import why_not_writable


def cache_compilations() -> None:
    """Keeps compiled steps between runs, in `cache_folder`.

    The environment variable JAX_COMPILATION_CACHE_DIR chooses another folder; "" switches it off.
    Where the folder cannot be written it is said, and nothing is kept.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = cache_folder()
    if reason := why_not_writable(folder):
        said = f"'{folder}' cannot be written ({reason}): compiled steps are not kept there"
        print(said, file=sys.stderr)
    else:
        jax.config.update("jax_compilation_cache_dir", str(folder))


def announced(
    function: Callable[..., Any], bar: tqdm, program: Callable[..., Any] = lambda *_, **__: None
) -> Callable[..., Any]:
    """Returns a compiled function that lets a bar say "compiling" while it is compiled.

    The bar does not count this time, so that the remaining time which it shows is that of the calls
    to come.

    Args:
      function: A compiled function, or one that calls compiled functions.
      bar: The progress bar of the calls.
      program: From the function's arguments to a value that differs where another program is
        compiled for them, as when a teacher appears. It is called in every step: it must be cheap.
    """
    known = set()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if bar.disable or (needed := program(*args, **kwargs)) in known:
            return function(*args, **kwargs)
        known.add(needed)
        name, begin = bar.desc, time.time()
        bar.set_description_str(f"{name}, compiling (this may take minutes)")
        try:
            return function(*args, **kwargs)
        finally:
            # Not `unpause`: it leaves out all since the bar was drawn, and the last steps with it.
            waited = time.time() - begin
            bar.start_t += waited
            bar.last_print_t += waited
            bar.set_description_str(name)

    return call
