"""What folders and CSV files of people's own videos share: splits, groups and notices."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath
from typing import NamedTuple

from vidkd_jax.annotations.copies import find_copies
from vidkd_jax.annotations.folds import assign_fold
from vidkd_jax.annotations.groups import guess_groups, recording_of
from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.annotations.types import Dataset, Entry, Listed, check_unique, make_dataset
from vidkd_jax.annotations.ucf101 import ucf_group
from vidkd_jax.errors import InputError

# Names that people give to the three splits.
OWN_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


# What it means that two splits have videos of one group.
_SHARED = (
    ("train", "test", "the test measures what was trained on"),
    ("train", "val", "the best epoch is chosen by videos like those that were trained on"),
    ("val", "test", "the best epoch is chosen by videos like those of the test"),
)


class Row(NamedTuple):
    """A video as a folder or a line of a list has it; an empty string means that it does not say.

    Attributes:
      where: Place of the row, for messages.
      path: Path of the file.
      label: Name of the class.
      split: "train", "val", "test" or "".
      group: Name of the group, or "".
    """

    where: str
    path: str
    label: str
    split: str
    group: str


def make_own(
    name: str, rows: Sequence[Row], videos: VideoFolder, split: int, *, notices: Iterable[str]
) -> Dataset:
    """Makes the dataset, with groups and splits where the rows do not say them.

    Args:
      name: Name of the dataset.
      rows: The videos.
      videos: Their folder.
      split: Which fifth of the groups is the test split, if the rows do not say: 1 to 5.
      notices: What to say of how the rows were read.

    Raises:
      InputError: See `make_dataset` and `assign_fold`.
    """
    class_names = sorted({row.label for row in rows}, key=_natural)
    numbers = {label: number for number, label in enumerate(class_names)}
    listed = []
    for row in rows:
        video = videos.relative(row.path, row.where)
        if not video.name:
            raise InputError(f"{row.where}: path '{row.path}' does not name a file")
        video_id = str(video.with_suffix(""))
        group = row.group or ucf_group(video.stem)
        line = Listed(
            id=video_id,
            files=(row.path,),
            label=numbers[row.label],
            group=group or video_id,
            split=row.split,
            where=row.where,
            grouped="given" if group else "unknown",
        )
        listed.append(line)
    check_unique(listed, class_names)
    listed = guess_groups(listed)
    if not any(line.split for line in listed):
        listed = assign_fold(listed, class_names, split)
    dataset = make_dataset(name, class_names, listed, videos)
    of_entries = (of(dataset.entries) for of in (_of_groups, _of_single_recordings, _of_copies))
    said = (*notices, *_of_classes(class_names), *chain.from_iterable(of_entries))
    return replace(dataset, notices=said)


def _of_classes(class_names: Sequence[str]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in class_names:
        alike[name.casefold().strip()].append(name)
    for names in alike.values():
        if len(names) > 1:
            yield f"are these meant to be different classes: {', '.join(map(repr, names))}?"


def _of_groups(entries: Sequence[Entry]) -> Iterator[str]:
    """Yields what the groups of people's own videos mean for the test."""
    guessed = [entry for entry in entries if entry.grouped == "guessed"]
    if guessed:
        example = PurePosixPath(guessed[0].id).name
        yield (
            f"{len(guessed)} videos are grouped by their names: '{example}' is taken for a clip of "
            f"the recording '{guessed[0].group}'; if that is wrong, give each its own group"
        )
    if unknown := sum(entry.grouped == "unknown" for entry in entries):
        yield (
            f"{unknown} of {len(entries)} videos have no known group; where two of them are of one "
            "recording, the test may measure what was trained on: put the clips of a recording "
            "into a folder of their own (LABEL/RECORDING/clip.mp4), or give the column 'group'"
        )
    splits: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        splits[entry.group].add(entry.split)
    for one, other, what in _SHARED:
        shared = sorted(group for group, found in splits.items() if {one, other} <= found)
        if shared:
            yield (
                f"{len(shared)} groups, such as '{shared[0]}', have videos in {one} and in "
                f"{other}: {what}; keep all videos of a group in one split"
            )


def _of_single_recordings(entries: Sequence[Entry]) -> Iterator[str]:
    """Yields what seems to be one recording, but was not taken for one: its class has no other."""
    clips: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.grouped == "unknown" and (recording := recording_of(PurePosixPath(entry.id).name)):
            clips[recording].append(entry)
    for recording, found in clips.items():
        if len({entry.split for entry in found}) > 1:
            yield (
                f"{len(found)} videos, such as '{found[0].id}', seem to be clips of one recording, "
                f"'{recording}', and their class has no other: they are split as if each were a "
                "recording of its own, so that the test measures what was trained on; add videos "
                "of another recording"
            )


def _of_copies(entries: Sequence[Entry]) -> Iterator[str]:
    found = find_copies(entries)
    if found:
        first, second = found[0]
        yield (
            f"{len(found)} videos are copies of another one, in another class, split or group, "
            f"such as '{second.id}' of '{first.id}': what is trained on may be tested, or have two "
            "labels; remove one of each"
        )


def _natural(label: str) -> tuple[int, str]:
    """Returns a sort key: labels that are numbers come first, in numerical order."""
    return (int(label), label) if label.isdecimal() else (10**9, label)
