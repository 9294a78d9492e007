"""A process that is told to end while it waits inside C."""

import signal
import subprocess
import sys

import pytest

_STUCK = """
import ctypes, signal, sys
from vidkd_jax.runtime.ending import end_when_told

def stop(*_):
    sys.exit("handled")

signal.signal(signal.SIGTERM, stop)
if {watched}:
    end_when_told(grace=0.5)
if {stuck}:
    ctypes.CDLL(None).system(b"echo waits; exec sleep 60 >&- 2>&-")
else:
    print("waits", flush=True)
    signal.pause()
"""


def told_to_end(*, watched, stuck):
    """Returns the status and the last words of a process that gets SIGTERM; None: it stays."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STUCK.format(watched=watched, stuck=stuck)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "waits\n"
    process.terminate()
    try:
        return process.wait(timeout=30 if watched else 5), process.stderr.read()
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def test_a_process_that_is_stuck_ends():
    status, said = told_to_end(watched=True, stuck=True)
    assert status == 128 + signal.SIGTERM and said.startswith("interrupted; run the same command")


def test_one_that_is_not_ends_by_itself():
    assert told_to_end(watched=True, stuck=False) == (1, "handled\n")


@pytest.mark.slow
def test_without_it_a_process_that_is_stuck_stays():
    assert told_to_end(watched=False, stuck=True) is None
