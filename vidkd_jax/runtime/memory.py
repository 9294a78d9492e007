"""Freed memory stays with the process: large arrays come and go at every step."""

import ctypes
import os

# What <malloc.h> of the GNU C library calls the settings, and their values.
_SETTINGS = {
    -4: 0,  # M_MMAP_MAX: no block is a mapping of its own, which would end with it
    -8: 1,  # M_ARENA_MAX: other heaps than the first one map what is over 64 MiB all the same
    -1: -1,  # M_TRIM_THRESHOLD: the heap never shrinks
    -2: 2**26,  # M_TOP_PAD, bytes: by how much more than is needed it grows
}


def keep_freed_memory() -> bool:
    """Has the C library keep large blocks that are freed, for those that are asked for next.

    By default it gives them back to the system, which fills the next ones with zeros, page by page:
    a fifth of a narrow network's step on CPU.

    Returns:
      Whether it does; not where the environment configures malloc, nor without the GNU C library.
    """
    configured = any(name.startswith("MALLOC_") for name in os.environ)
    if configured or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(setting, value) for setting, value in _SETTINGS.items())
