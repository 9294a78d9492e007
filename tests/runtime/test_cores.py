"""How many cores a process has, and shares of them."""

import os
import subprocess
import sys

import pytest

from vidkd_jax.runtime import cores


@pytest.fixture
def sleeping():
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone limits processes")
def test_processes_get_their_shares_of_the_cores(sleeping):
    own = sorted(os.sched_getaffinity(0))
    for share in range(len(own)):
        cores.deal(sleeping, share, len(own))
        assert os.sched_getaffinity(sleeping) == {own[share]}
    cores.deal(sleeping, len(own), len(own) + 1)
    assert os.sched_getaffinity(sleeping) == {*own}


def test_systems_that_cannot_limit_processes_do_without(monkeypatch):
    for name in ("sched_getaffinity", "sched_setaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    cores.deal(1, 0, 2)
    assert cores.usable_cores() == 8
