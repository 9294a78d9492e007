"""A small dataset and a way to run commands on it."""

import re

import pytest
from record_files import make_csv
from video_files import numbered_frames

from vidkd_jax.runtime.command import run_command
from vidkd_jax.video import write_video

_USAGE = re.compile(r"^usage: .*\n(?: .*\n)*", re.MULTILINE)
_BAR = re.compile(r".*\[\d+:\d\d.*\]\s*$")  # converting: 100%|███| 4/4 [00:00<00:00, 9.1video/s]


@pytest.fixture
def command(capsys):
    """Runs a command in this process and returns (exit status, error line or "").

    Asserts that the command prints one line on stderr if it fails, and none if it succeeds.
    Progress bars and argparse's usage do not count.
    """

    def run(main, *arguments, **options):
        line = [*map(str, arguments), *(f"--{name}={value}" for name, value in options.items())]
        status = 0
        try:
            run_command(lambda: main(line))
        except SystemExit as stop:
            status = stop.code
        text = _USAGE.sub("", capsys.readouterr().err)
        lines = [line for line in text.splitlines() if line.strip() and not _BAR.match(line)]
        assert len(lines) == (status != 0), lines
        return status, "".join(lines)

    return run


@pytest.fixture
def small(tmp_path):
    """Four videos of two classes and a list of them."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for i in range(4):
        frames = list(numbered_frames(8 + i, height=24, width=36))
        write_video(videos / f"{i}.mp4", frames, 25)
    rows = [[f"{i}.mp4", "ab"[i % 2], "train" if i < 2 else "test", f"g{i}"] for i in range(4)]
    lists = make_csv(tmp_path / "list.csv", rows)
    return dict(
        dataset="csv", videos=videos, annotations=lists, out=tmp_path / "out", workers=1,
        short_side=16,
    )  # fmt: skip
