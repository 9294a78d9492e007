import os
import platform
import subprocess
import sys

import pytest

from vidkd_jax.runtime.memory import keep_freed_memory

FAULTS = """
import resource, threading
from vidkd_jax.runtime.memory import keep_freed_memory

{call}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * {size}
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
found = []
thread = threading.Thread(target=lambda: found.extend(faults() for _ in range(3)))
thread.start()
thread.join()
print(found[-1])
"""


def page_faults(call, size, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    return int(
        subprocess.run(
            [sys.executable, "-c", FAULTS.format(call=call, size=size)],
            env={**environment, **variables},
            check=True,
            capture_output=True,
        ).stdout
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is of the GNU C library")
@pytest.mark.parametrize("size", [2**26, 2**27, 2**31 + 2**26])
def test_a_block_that_was_freed_is_used_again_without_page_faults(size):
    """Tested in another thread, as XLA uses its own; there, blocks over 64 MiB are special."""
    by_default = page_faults("", size)
    assert page_faults("assert keep_freed_memory()", size) < by_default / 10


@pytest.mark.parametrize(
    "name, value",
    [("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")],
)
def test_what_the_environment_says_stays(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not keep_freed_memory()
