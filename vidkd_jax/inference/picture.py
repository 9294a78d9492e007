"""A picture of the clips that a selector has chosen, and of those that it has not."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from vidkd_jax import video
from vidkd_jax.inference.answers import VideoAnswer
from vidkd_jax.report.figures import show_literally
from vidkd_jax.runtime.files import write_bytes

VIDEOS = 6  # more would be too small to see
_CLIPS = 8
_INCHES = 1.5
_BLUE, _GREY = "#2563eb", "#94a3b8"


def save(path: Path, answers: Sequence[VideoAnswer], fps: float) -> None:
    """Draws the middle frames of chosen and rejected clips, with their scores and times.

    Of each video a row of up to eight chosen clips, best first, and a row of up to eight rejected
    ones, worst first where clips have scores. Frames are read again from the files.

    Args:
      path: of the picture.
      answers: of the videos, which are files; the first `VIDEOS` are drawn.
      fps: frames a second that clips are cut at; 0: as filmed.

    Raises:
      VideoError: a file cannot be read any more.
    """
    rows = [
        (answer, title, clips, colour)
        for answer in answers[:VIDEOS]
        for title, clips, colour in (
            ("chosen", counted(answer), _BLUE),
            ("rejected", rejected(answer), _GREY),
        )
        if clips  # clips that are chosen without looking leave none that was rejected
    ]
    size = (_CLIPS * _INCHES, len(rows) * _INCHES * 1.2)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(rows), _CLIPS)
    for line, (answer, title, clips, colour) in enumerate(rows):
        _draw(figure, grid, line, answer, f"{title}: {len(clips)}", clips, colour, fps)
    write(path, figure)


def write(path: Path, figure: Figure) -> None:
    """Writes a picture, whole or not at all."""
    show_literally(figure)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    write_bytes(path, data.getvalue())


def name_of(answer: VideoAnswer) -> str:
    """Returns the name of a video's file as text, whatever its bytes are."""
    return Path(answer.source.name).name.encode("utf-8", "backslashreplace").decode()


def rejected(answer: VideoAnswer) -> list[int]:
    """Returns the clips that do not count, worst first where the selector gave them scores."""
    counts = {*answer.teacher.clips.tolist(), *answer.student.clips.tolist()}
    others = [clip for clip in sorted(answer.spans) if clip not in counts]
    if answer.scores is None:
        return others
    return sorted(others, key=lambda clip: answer.scores[clip])  # type: ignore[index]


def counted(answer: VideoAnswer) -> list[int]:
    """Returns the clips that count, best first; last those that the sampler alone has answered."""
    first = [clip for clip in answer.chosen.tolist() if answer.by(clip)]
    return [*first, *(clip for clip in answer.student.clips.tolist() if clip not in first)]


def _draw(
    figure: Figure,
    grid: GridSpec,
    line: int,
    answer: VideoAnswer,
    title: str,
    clips: Sequence[int],
    colour: str,
    fps: float,
) -> None:
    """Draws clips of a video as a line of the grid."""
    for column, clip in enumerate(clips[:_CLIPS]):
        panel = figure.add_subplot(grid[line, column])
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color(colour)
        panel.imshow(_middle(answer, clip, fps))
        panel.set_title(_caption(answer, clip), fontsize=7, color=colour)
        if column == 0:
            panel.set_ylabel(f"{name_of(answer)}\n{title}", fontsize=7, parse_math=False)


def _middle(answer: VideoAnswer, clip: int, fps: float) -> np.ndarray:
    begin, end = answer.spans[clip]
    number = min((begin + end - 1) // 2, answer.num_frames - 1)
    return video.read_frames(answer.source.name, [number], short_side=112, fps=fps)[0]


def _caption(answer: VideoAnswer, clip: int) -> str:
    when = answer.seconds(clip)
    parts = [f"clip {clip}"] + ([] if when is None else [f"{when[0]:.1f} s"])
    if answer.scores is not None:
        parts.append(f"{answer.scores[clip]:.3g}")
    return ", ".join(parts)
