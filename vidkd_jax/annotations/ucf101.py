"""Reads UCF101's lists, and Marionette's, which have the same format."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.annotations.text import read_lines, require_folder
from vidkd_jax.annotations.types import Dataset, Listed, find_class, make_dataset
from vidkd_jax.errors import InputError

# v_ApplyEyeMakeup_g08_c01: group 8 (one person, one scene), clip 1.
_GROUP = re.compile(r"_(g\d+)_c\d+$")


def read_ucf101(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads UCF101; see `_read`. Each class numbers its own groups: g08 of two classes differ."""
    return _read(name, annotations, videos, split, shared_groups=False)


def read_marionette(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads Marionette; see `_read`. Each actor performs every class: g08 is one actor in all."""
    return _read(name, annotations, videos, split, shared_groups=True)


def _read(
    name: str, annotations: Path, videos: Path, split: int, *, shared_groups: bool
) -> Dataset:
    """Reads classInd.txt, trainlist0N.txt ("Class/v_Class_g08_c01.avi 1") and testlist0N.txt.

    Args:
      name: Name of the dataset.
      annotations: The folder of the lists.
      videos: The folder of the videos.
      split: 1, 2 or 3.
      shared_groups: Whether g08 is the same group in all classes.

    Raises:
      InputError: A list is missing, empty or contradicts itself.
    """
    folder = require_folder(annotations, "classInd.txt, trainlist01.txt, testlist01.txt")
    class_names = _read_classes(folder / "classInd.txt")
    listed = [
        line
        for part in ("train", "test")
        for line in _read_list(folder / f"{part}list{split:02d}.txt", part, class_names)
    ]
    if not shared_groups:
        listed = [replace(line, group=f"{class_names[line.label]}_{line.group}") for line in listed]
    return make_dataset(name, class_names, listed, VideoFolder(videos, ignore_case=True))


def _read_classes(path: Path) -> list[str]:
    """Reads lines such as "1 ApplyEyeMakeup"; the numbers must count from 1, in order."""
    names: list[str] = []
    for where, line in read_lines(path):
        number, _, name = line.partition(" ")
        if number != str(len(names) + 1) or not name.strip():
            raise InputError(f"{where}: '{line}' should be '{len(names) + 1} <class name>'")
        names.append(name.strip())
    return names


def _read_list(path: Path, split: str, class_names: list[str]) -> Iterator[Listed]:
    # The class is HandstandPushups, but some lists and folders write HandStandPushups.
    canonical = {name.casefold(): name for name in class_names}
    for where, line in read_lines(path):
        file, number = _split_label(line)
        video = PurePosixPath(file.replace("\\", "/"))
        folder = video.parent.name
        label = find_class(canonical.get(folder.casefold(), folder), class_names, where)
        if number is not None:
            _check_label(number, label, class_names, where)
        yield Listed(
            id=video.stem,
            files=(file,),
            label=label,
            group=ucf_group(video.stem) or video.stem,
            split=split,
            where=where,
        )


def ucf_group(stem: str) -> str:
    """Returns "g02" for a name such as v_Clap_g02_c01, and "" for a name without a group."""
    found = _GROUP.search(stem)
    return found.group(1) if found else ""


def _split_label(line: str) -> tuple[str, int | None]:
    """Splits "path 1" into path and label; the label is None for "path", as in test lists."""
    file, _, number = line.rpartition(" ")
    if file and re.fullmatch(r"-?\d+", number):
        return file.strip(), int(number)
    return line, None


def _check_label(number: int, label: int, class_names: list[str], where: str) -> None:
    if not 1 <= number <= len(class_names):
        raise InputError(f"{where}: label {number} is out of range 1-{len(class_names)}")
    if number != label + 1:
        raise InputError(
            f"{where}: label {number} is {class_names[number - 1]}, "
            f"but the folder is {class_names[label]}; correct one of them"
        )
