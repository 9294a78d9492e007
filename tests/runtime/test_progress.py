"""Bars move on a terminal; in a log file they add only a few lines."""

import io
import sys

import pytest

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
