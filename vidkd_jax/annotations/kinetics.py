"""Reads Kinetics' lists: CSV files with label, YouTube id, start and end (seconds), and split."""

import csv
import dataclasses
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.annotations.text import check_label, read_lines, read_text, require_folder
from vidkd_jax.annotations.types import Dataset, Listed, find_class, make_dataset
from vidkd_jax.errors import InputError, first_of

_COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
_SPLITS = {"train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}


def read_kinetics400(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads Kinetics-400; see `_read`."""
    del split  # there is only one
    return _read(name, annotations, videos, "k400_labels.txt")


def read_kinetics600(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads Kinetics-600; see `_read`."""
    del split
    return _read(name, annotations, videos, "k600_labels.txt")


def read_mini_kinetics200(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads Mini-Kinetics-200 (Xie et al. 2018): the part of Kinetics-400 that its id lists name.

    Args:
      name: Name of the dataset.
      annotations: The folder of Kinetics-400's lists, and of train_ytid_list.txt and
        val_ytid_list.txt, each with one YouTube id a line.
      videos: As of Kinetics-400.
      split: There is only one.

    Raises:
      InputError: As for Kinetics-400; an id list is missing or empty, or names no video of its
        split.
    """
    del split
    folder = require_folder(annotations, "train.csv, validate.csv and train_ytid_list.txt")
    wanted = {part: _ids(folder / f"{part}_ytid_list.txt") for part in ("train", "val")}
    dataset = _read(name, folder, videos, "mini_kinetics200_labels.txt", wanted)
    kept = {entry.group for entry in dataset.entries}
    unknown = sorted(set().union(*wanted.values()) - kept)
    if not unknown:
        return dataset
    said = f"{len(unknown)} ids of the lists are no videos of their split in the .csv files: "
    said += first_of(unknown, 20)
    return dataclasses.replace(dataset, notices=(*dataset.notices, said))


def _ids(path: Path) -> frozenset[str]:
    return frozenset(line for _, line in read_lines(path))


def _read(
    name: str,
    annotations: Path,
    videos: Path,
    labels: str,
    wanted: Mapping[str, frozenset[str]] | None = None,
) -> Dataset:
    """Reads every .csv file of the folder; each row names its split.

    Args:
      name: Name of the dataset.
      annotations: The folder of train.csv, validate.csv, test.csv and, optionally, the file
        `labels`.
      videos: The folder of the videos, laid out as <split>/<label>/<id>_000010_000020.mp4, as
        <id>_000010_000020.mp4 or as <id>.mp4.
      labels: Name of the file of class names, one per line, in the order of the labels. Without
        this file, classes are in alphabetical order.
      wanted: By split, the YouTube ids that count; rows of others, and of other splits, do not.
        None: all rows count.

    Raises:
      InputError: A list is missing, empty or malformed, or a class is not in `labels`.
    """
    folder = require_folder(annotations, "train.csv and validate.csv")
    lists = sorted(folder.glob("*.csv"))
    if not lists:
        raise InputError(f"--annotations={folder}: holds no .csv files such as train.csv")
    rows = [row for path in lists for row in _read_list(path)]
    if wanted is not None:
        rows = [row for row in rows if _is_wanted(row[1], wanted)]
    path = folder / labels
    if path.exists():
        class_names = [line for _, line in read_lines(path)]
    else:
        class_names = sorted({row["label"].strip() for _, row in rows})
    listed = [_listed(where, row, class_names) for where, row in rows]
    dataset = make_dataset(name, class_names, listed, VideoFolder(videos))
    if not any(line.split == "test" for line in listed):
        return dataset
    said = "the test split is of the lists' own labelled test videos, not of the validation videos "
    said += "that the literature reports; delete those rows to test on the latter"
    return dataclasses.replace(dataset, notices=(*dataset.notices, said))


def _is_wanted(row: Mapping[str, str], wanted: Mapping[str, frozenset[str]]) -> bool:
    part = _SPLITS.get(row["split"], "")
    return row["youtube_id"].strip() in wanted.get(part, ())


def _read_list(path: Path) -> list[tuple[str, dict[str, str]]]:
    try:
        return list(_read_rows(path))
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV file ({error})") from error


def _read_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields ("file:line", row) for each row with a label; some test lists have no labels."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    missing = set(_COLUMNS) - set(reader.fieldnames or ())
    if missing == {"label"}:
        return
    if missing:
        raise InputError(
            f"{path}: lacks the columns {', '.join(sorted(missing))}; the first line must name "
            "the columns"
        )
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if None in row.values():
            raise InputError(f"{where}: has fewer fields than the header")
        if None in row:
            raise InputError(
                f"{where}: has more fields than the header; put labels with commas in quotes"
            )
        check_label(row["label"], where)
        if row["label"]:
            yield where, row
        elif row["split"] != "test":
            raise InputError(f"{where}: has no label")


def _listed(where: str, row: dict[str, str], class_names: list[str]) -> Listed:
    youtube_id, label = row["youtube_id"].strip(), row["label"].strip()
    if row["split"] not in _SPLITS:
        raise InputError(f"{where}: split '{row['split']}' must be one of {', '.join(_SPLITS)}")
    try:
        start, end = (int(float(row[field])) for field in ("time_start", "time_end"))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: time_start and time_end must be numbers (seconds)") from error
    # The file name that the official crawler gives a clip, with six digits each
    # (kinetics-downloader).
    clip = f"{youtube_id}_{start:06d}_{end:06d}"
    folder = f"{row['split']}/{label}"
    return Listed(
        id=clip,
        files=(f"{folder}/{clip}.mp4", f"{folder}/{youtube_id}.mp4"),
        label=find_class(label, class_names, where),
        group=youtube_id,
        split=_SPLITS[row["split"]],
        where=where,
    )
