"""Guesses from file names which videos were cut from one recording."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from vidkd_jax.annotations.types import Listed

# IMG_1234_0003, GX010042-2, "take 3 (2)", lecture7_clip05: a recording, whose name has a digit, and
# the number of a clip. IMG_1234 alone is a recording, and so are dates and times (2024-05-01 at
# 10.11.12, VID_20240501_101112).
_CLIP = re.compile(
    r"(?P<recording>.*\d.*?)(?<!\d\d[-_.]\d\d)[ _.-]+"
    r"(?:clip|cut|part|scene|seg|segment|shot)?[ _-]?\(?\d{1,4}\)?",
    re.IGNORECASE,
)


# GX010042, GX020042: chapters 1 and 2 of a GoPro's recording 42; GOPR0042, GP010042 of older ones.
_CHAPTER = re.compile(r"G(?:[HX]\d\d|P\d\d|OPR)(?P<recording>\d{4})", re.IGNORECASE)


def recording_of(stem: str) -> str:
    """Returns what a name such as IMG_1234_0003 says of its recording (IMG_1234), or ""."""
    found = _CLIP.fullmatch(stem)
    recording = found["recording"] if found else stem
    if chapter := _CHAPTER.fullmatch(recording):
        return f"GoPro {chapter['recording']}"
    return recording if found else ""


def guess_groups(listed: Sequence[Listed]) -> list[Listed]:
    """Gives videos without a known group the group that their names suggest.

    A name suggests a group if another video without a known group has the same recording in its
    name. A class that would be left with a single group stays as it is, because the guess could be
    wrong, and a class of one group cannot be tested.

    Args:
      listed: The videos; `grouped` is "unknown" where the group is not known.
    """
    clips: dict[str, list[Listed]] = defaultdict(list)
    for line in listed:
        if line.grouped == "unknown" and (recording := recording_of(PurePosixPath(line.id).name)):
            clips[recording].append(line)
    group = {
        line.id: recording for recording, lines in clips.items() if len(lines) > 1 for line in lines
    }
    guessed = [
        replace(line, group=group[line.id], grouped="guessed") if line.id in group else line
        for line in listed
    ]
    groups: dict[int, set[str]] = defaultdict(set)
    for line in guessed:
        groups[line.label].add(line.group)
    return [
        new if len(groups[old.label]) > 1 else old for old, new in zip(listed, guessed, strict=True)
    ]
