"""Keeps freed memory in the process, because every step allocates and frees large arrays."""

import ctypes
import os

# Settings of the GNU C library (<malloc.h>) and their values.
_SETTINGS = {
    -4: 0,  # M_MMAP_MAX: no block gets its own mapping, which would be unmapped when it is freed
    -8: 1,  # M_ARENA_MAX: only the first heap, because the others map blocks over 64 MiB anyway
    -1: -1,  # M_TRIM_THRESHOLD: the heap never shrinks
    -2: 2**26,  # M_TOP_PAD: the heap grows by this many bytes more than needed
}


def keep_freed_memory() -> bool:
    """Makes the C library keep large freed blocks and use them for later allocations.

    By default the C library returns large blocks to the system, and the system fills new blocks
    with zeros, page by page. That takes a fifth of the step of a narrow network on CPU.

    Returns:
      Whether the settings were changed. They are not changed if the environment configures malloc,
      or without the GNU C library.
    """
    configured = any(name.startswith("MALLOC_") for name in os.environ)
    if configured or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(setting, value) for setting, value in _SETTINGS.items())
