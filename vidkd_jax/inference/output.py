"""What is printed of a video, and whether a file that is asked for can be written."""

import codecs
import errno
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.inference.answers import VideoAnswer
from vidkd_jax.inference.timeline import clips
from vidkd_jax.runtime.files import replacing


def text(answer: VideoAnswer, names: Sequence[str], top: int, *, chosen: bool) -> str:
    """Returns a line for people: the most probable classes, and how many clips were needed."""
    best = ", ".join(f"{name} {score:.1%}" for name, score in _best(answer, names, top))
    work = f" ({answer.seen} of {answer.num_clips} clips)" if chosen else ""
    return f"{answer.source.name}: {best}{work}"


def as_json(answer: VideoAnswer, names: Sequence[str], top: int, *, chosen: bool) -> str:
    """Returns a line for programs.

    Args:
      answer: of the video.
      names: of the classes, by label.
      top: how many of them are named.
      chosen: whether clips were chosen, so that it is said which.
    """
    found: dict[str, Any] = {
        "video": answer.source.name,
        "classes": [
            {"name": name, "probability": round(score, 6)}
            for name, score in _best(answer, names, top)
        ],
        "clips": answer.num_clips,
        "clips_seen": answer.seen,
    }
    if chosen:
        counting = [row for row in clips(answer, names) if row["by"]]
        scores = answer.scores
        for row in counting:
            row["score"] = None if scores is None else round(float(scores[row["clip"]]), 6)
        found["chosen"] = counting
    return json.dumps(found, ensure_ascii=not _speaks_unicode())


def _speaks_unicode() -> bool:
    """Whether all can be printed: other characters would be escaped in a way that is not JSON's."""
    return codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"


def _best(answer: VideoAnswer, names: Sequence[str], top: int) -> list[tuple[str, float]]:
    scores = answer.probabilities
    order = np.argsort(-scores, kind="stable")  # of equal ones the lowest label, as in evaluation
    return [(names[label], float(scores[label])) for label in order[:top]]


def check_writable(flag: str, path: Path, suffixes: Sequence[str]) -> None:
    """Refuses a file that could not be written, before an hour of work is done for it.

    Args:
      flag: that names the file, as in "--timeline".
      path: of the file.
      suffixes: that it may have.

    Raises:
      InputError: says why it cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{flag}={path}: must end in {' or '.join(suffixes)}")
    folder = path.parent
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises if the name is too long
        raise InputError(f"{flag}={path}: there is no folder '{folder}'; make it first")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        beside = replacing(path)  # a file that is written there takes the other's place at the end
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise InputError(f"{flag}={path}: {error.strerror}; name another file") from error
