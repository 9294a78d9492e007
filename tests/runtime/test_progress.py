"""Bars move on a terminal; in a log file they add only a few lines."""

import io
import re
import sys

import jax
import pytest

from vidkd_jax.runtime.compilation import announced
from vidkd_jax.runtime.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "is_quiet"), [(io.StringIO, True), (Terminal, False)])
def test_a_log_file_gets_few_lines(monkeypatch, stream, is_quiet):
    written = stream()
    monkeypatch.setattr(sys, "stderr", written)
    clock = iter(range(10_000))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock) / 5)  # each call is 0.2 s later
    assert list(progress_bar(range(100), desc="converting", unit="video")) == list(range(100))
    text = written.getvalue()
    assert "converting: 100%" in text
    assert "100/100" in text
    assert (text.count("video/s") < 10) == is_quiet


def test_the_bar_says_that_it_compiles_and_does_not_count_that_time(monkeypatch):
    written, now = Terminal(), [0.0]
    monkeypatch.setattr(sys, "stderr", written)
    for clock in ("tqdm.std.time", "vidkd_jax.runtime.compilation.time.time"):
        monkeypatch.setattr(clock, lambda: now[0])

    def step(state, teachers):
        del state
        now[0] += 300.0 if len(compiled) < len({*compiled, len(teachers)}) else 1.0
        compiled.add(len(teachers))
        seen.append(written.getvalue().split("\r")[-1])

    compiled, seen = set(), []
    with progress_bar(total=20, desc="mine") as bar:
        call = announced(step, bar, lambda _, teachers: frozenset(teachers))
        for number in range(12):
            call({"a": 1}, {} if number < 6 else {"best": 2})  # the teacher appears: compiled again
            bar.update()
    assert ["compiling" in line for line in seen] == [n in (0, 6) for n in range(12)]
    assert seen[0].startswith("mine, compiling (this may take minutes):   0%")
    assert not re.search(r"\d\d:\d\d:|\[0[1-9]:|<0[1-9]:", written.getvalue())  # under a minute
    last = written.getvalue().split("\r")[-1]
    assert "compiling" not in last and last.startswith("mine: ") and "[00:10<00:06" in last


def test_a_bar_that_is_off_stays_silent(capsys):
    with progress_bar(total=2, desc="mine", disable=True) as bar:
        assert announced(jax.jit(lambda x: x + 1), bar)(1) == 2
    assert capsys.readouterr().err == ""
