"""Reads Something-Something V2's lists: JSON files with ids and templates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.annotations.text import read_lines, read_text, require_folder
from vidkd_jax.annotations.types import Dataset, Listed, find_class, make_dataset
from vidkd_jax.errors import InputError

_PREFIX = "something-something-v2-"
_LISTS = {"train": "train", "validation": "val", "test": "test"}


def read_ssv2(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads something-something-v2-{train,validation,test,labels}.json.

    Args:
      name: Name of the dataset.
      annotations: The folder of the lists. Their names may lack the prefix
        "something-something-v2-". A file labels.txt (one class per line, in the order of the
        labels) can replace labels.json.
      videos: The folder of the videos, <id>.webm.
      split: 1.

    Raises:
      InputError: A list is missing, empty or malformed, or names an unknown class.
    """
    del split  # there is only one
    folder = require_folder(annotations, f"{_PREFIX}train.json and the other lists")
    class_names = _read_classes(folder)
    if _find(folder, "train") is None:
        raise InputError(f"--annotations={folder}: holds no {_PREFIX}train.json; add it")
    listed = [
        line
        for part, split_name in _LISTS.items()
        if (path := _find(folder, part)) is not None
        for line in _read_list(path, split_name, class_names)
    ]
    return make_dataset(name, class_names, listed, VideoFolder(videos))


def _find(folder: Path, part: str) -> Path | None:
    paths = (folder / f"{_PREFIX}{part}.json", folder / f"{part}.json")
    return next((path for path in paths if path.exists()), None)


def _read_classes(folder: Path) -> list[str]:
    if path := _find(folder, "labels"):
        numbers = _read_json(path, dict)
        by_number = {str(number): name for name, number in numbers.items()}
        if set(by_number) != {str(number) for number in range(len(numbers))}:
            raise InputError(f"{path}: labels must count from 0 without gaps")
        return [by_number[str(number)] for number in range(len(numbers))]
    if (folder / "labels.txt").exists():
        return [line for _, line in read_lines(folder / "labels.txt")]
    raise InputError(f"--annotations={folder}: holds neither {_PREFIX}labels.json nor labels.txt")


def _read_list(path: Path, split: str, class_names: list[str]) -> Iterator[Listed]:
    for number, item in enumerate(_read_json(path, list), 1):
        where = f"{path}: item {number}"
        if not isinstance(item, dict) or "id" not in item:
            raise InputError(f"{where}: has no id")
        if "template" not in item:
            if split == "test":
                continue  # the test list is distributed with ids only
            raise InputError(f"{where}: has no template; the template names the class")
        # "Putting [something] on [something]" is the class "Putting something on something".
        template = str(item["template"]).replace("[", "").replace("]", "")
        video = str(item["id"])
        yield Listed(
            id=video,
            files=(f"{video}.webm",),
            label=find_class(template, class_names, where),
            group=video,
            split=split,
            where=where,
        )


def _read_json(path: Path, kind: type) -> Any:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: is not JSON ({error.msg})") from error
    if not isinstance(content, kind) or not content:
        raise InputError(f"{path}: the list is empty or not a {kind.__name__}")
    return content
