"""The result of reading lists of any format, and the checks that all formats share."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.errors import InputError, suggest

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Entry:
    """One video of a dataset.

    Attributes:
      id: Name of the video, unique in the dataset.
      path: Path of the file. If there is no file, the path where it was looked for.
      label: Index into `Dataset.class_names`.
      group: Film, recording or actor. The lists decide whether all videos of a group are in one
        split: HMDB51's keep a film together within a class only, and a notice names groups that
        people's own lists divide.
      split: "train", "val" or "test".
      grouped: How the group is known: "given" by the lists or folders, "guessed" from the file's
        name, or "unknown": then the video is a group of its own.
    """

    id: str
    path: Path
    label: int
    group: str
    split: str
    grouped: str = "given"


@dataclass(frozen=True)
class Dataset:
    """A dataset's videos in the order of its lists: train, val, test.

    Attributes:
      name: Name of the dataset.
      class_names: Class names, indexed by label.
      entries: The videos.
      notices: What a person should know of how the lists or folders were read, a line each.
    """

    name: str
    class_names: tuple[str, ...]
    entries: tuple[Entry, ...]
    notices: tuple[str, ...] = ()

    def count_groups(self) -> dict[str, int]:
        """Returns how many videos have a group that is "given", "guessed" or "unknown"."""
        counts = Counter(entry.grouped for entry in self.entries)
        return {how: counts[how] for how in ("given", "guessed", "unknown")}


@dataclass(frozen=True)
class Listed:
    """A video in a list, before its file has been looked for.

    Attributes:
      id: See `Entry`.
      files: Paths below the video folder where the file may be, the likeliest first.
      label: See `Entry`.
      group: See `Entry`.
      split: See `Entry`.
      where: "file:line" for messages.
      grouped: See `Entry`.
    """

    id: str
    files: tuple[str, ...]
    label: int
    group: str
    split: str
    where: str
    grouped: str = "given"


def find_class(name: str, class_names: Sequence[str], where: str) -> int:
    """Returns the label of a class name.

    Raises:
      InputError: There is no such class.
    """
    try:
        return class_names.index(name)
    except ValueError:
        message = f"{where}: class '{name}' is unknown{suggest(name, class_names)}"
        raise InputError(message) from None


def make_dataset(
    name: str,
    class_names: Sequence[str],
    listed: Iterable[Listed],
    videos: VideoFolder,
) -> Dataset:
    """Checks that ids are unique, finds the files and orders the splits.

    If the lists hold no labelled test split, the validation split becomes the test split. This
    holds for Kinetics and Something-Something, whose test labels are not published.

    Raises:
      InputError: There are no videos, no training videos or no test videos; there is only one
        class; a class, an id or a file occurs twice; an id is not text; or a path leads out of
        the video folder.
    """
    listed = list(listed)
    _check_class_names(name, class_names)
    check_unique(listed, class_names)
    splits = {line.split for line in listed}
    if not listed:
        raise InputError(
            f"{name}: no videos are listed, or in '{videos.root}'; check the folder and the lists"
        )
    if "train" not in splits or len(splits) < 2:
        held = ", ".join(sorted(splits))
        raise InputError(
            f"{name}: the lists must hold videos to train on and videos to test on, but hold only "
            f"{held} videos; check the lists"
        )
    renamed = {"val": "test"} if "test" not in splits else {}
    entries = [
        Entry(
            id=line.id,
            path=videos.find(line.files, line.where),
            label=line.label,
            group=line.group,
            split=renamed.get(line.split, line.split),
            grouped=line.grouped,
        )
        for line in listed
    ]
    _check_files(entries, listed)
    if len(class_names) == 1:
        raise InputError(
            f"{name}: all videos are of one class, '{class_names[0]}', and a network must have at "
            "least two to tell apart; correct the labels in --annotations"
        )
    entries.sort(key=lambda entry: SPLITS.index(entry.split))  # stable: list order within a split
    return Dataset(name, tuple(class_names), tuple(entries))


def _check_class_names(name: str, class_names: Sequence[str]) -> None:
    counts = Counter(class_names)
    if twice := [class_name for class_name in counts if counts[class_name] > 1]:
        raise InputError(
            f"{name}: the list of classes holds '{twice[0]}' twice; remove one of the lines"
        )


def _check_files(entries: Sequence[Entry], listed: Sequence[Listed]) -> None:
    """Raises InputError if two videos have the same file.

    Such a file could have two labels, or be both trained and tested on.
    """
    seen: dict[Any, tuple[Path, str]] = {}
    for entry, line in zip(entries, listed, strict=True):
        path, where = seen.setdefault(_identity(entry.path), (entry.path, line.where))
        if path != entry.path:
            raise InputError(
                f"{entry.path} and {path} are one file under two names (a link), which could be "
                "trained and tested on; remove one of them"
            )
        if where != line.where:
            raise InputError(
                f"{line.where}: the only file for video '{line.id}' is {entry.path}, which "
                f"belongs to {where}; add the missing file or remove one of the lines"
            )


def _identity(path: Path) -> Any:
    """Returns what two names of one file, such as a link and the file, have in common."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # it is missing, or its name is impossible
        return path
    return found.st_dev, found.st_ino


def _is_text(name: str) -> bool:
    """Returns whether a name has neither control characters nor halves of characters.

    No index can hold the latter, and of line breaks each reader of an index makes something else.
    """
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)


def _remedy_of(first: Listed, second: Listed) -> str:
    endings = {PurePath(line.files[0]).suffix for line in (first, second)}
    if len(endings) > 1:
        return "give one of the files another name, not only another ending"
    return "remove one of the lines"


def check_unique(listed: Iterable[Listed], class_names: Sequence[str]) -> None:
    """Checks that each video is listed once, and that its id is text.

    Raises:
      InputError: It is not, or its group is not. The message names both places, and the labels if
        they differ.
    """
    seen: dict[str, Listed] = {}
    for line in listed:
        for name, what in ((line.id, "a video"), (line.group, "a group")):
            if not _is_text(name):
                raise InputError(
                    f"{line.where}: {name!a} cannot be the name of {what}; correct the list, or "
                    "rename the file"
                )
        first = seen.setdefault(line.id, line)
        if first is not line:
            labels = ""
            if first.label != line.label:
                labels = f" with the label '{class_names[first.label]}'"
                labels += f", here with '{class_names[line.label]}'"
            raise InputError(
                f"{line.where}: video '{line.id}' is listed twice, first at {first.where}{labels}; "
                f"{_remedy_of(first, line)}"
            )
