"""A process that is told to end, while it waits inside C or while a library would not hear."""

import signal
import subprocess
import sys

import pytest

_STUCK = """
import ctypes, signal, sys
from vidkd_jax.runtime.interrupts import end_when_told

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


_INTERRUPTED_WHILE_FREEING = """
import gc, os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
from vidkd_jax.runtime.command import run_command

def interrupt(phase, _):
    gc.callbacks.remove(interrupt)
    os.kill(os.getpid(), signal.{name})
    time.sleep(5)

def main():
    gc.callbacks.append(interrupt)
    gc.collect()
    print("goes on", flush=True)
    time.sleep(600)

run_command(main)
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 1)])
def test_an_interrupt_while_python_frees_objects_is_not_lost(name, status):
    """Python ignores what is raised there."""
    program = _INTERRUPTED_WHILE_FREEING.format(name=name)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (status, "goes on\n")
    assert ended.stderr == "interrupted; run the same command again to continue\n"


_INTERRUPTED_IN_A_LIBRARY = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import run_command

def library():
    to_main = (threading.main_thread().ident, signal.{name})
    threading.Timer(0.5, signal.pthread_kill, to_main).start()
    try:
        time.sleep(600)
    except BaseException as error:
        {then}

def main():
    try:
        library()
        print("goes on", flush=True)
        time.sleep(600)
    except ValueError as error:
        raise InputError("a file is damaged") from error

run_command(main)
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 1)])
@pytest.mark.parametrize(
    ("then", "said"), [("pass", "goes on\n"), ("raise ValueError('bad') from error", "")]
)
def test_an_interrupt_that_a_library_catches_is_not_lost(then, said, name, status):
    """And is no damage, as Orbax has it where it reads a checkpoint."""
    program = _INTERRUPTED_IN_A_LIBRARY.format(name=name, then=then)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (status, said)
    assert ended.stderr == "interrupted; run the same command again to continue\n"
