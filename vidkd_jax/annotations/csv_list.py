"""Reads people's own videos from a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from vidkd_jax.annotations.locate import VIDEO_SUFFIXES, VideoFolder, normal
from vidkd_jax.annotations.own import OWN_SPLITS, Row, make_own
from vidkd_jax.annotations.text import check_label, read_text
from vidkd_jax.annotations.types import Dataset
from vidkd_jax.errors import InputError, suggest

_COLUMNS = ("path", "label", "split", "group")
_DELIMITERS = (",", ";", "\t", " ")

Line = tuple[str, list[str]]  # "file:line", and the fields


def read_csv(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads a CSV file with the columns path and label and, optionally, split and group.

    The first line may name the columns, in any order; other columns are left out, with a notice.
    Without such a line the columns are path, label, split, group. Fields are separated by commas,
    semicolons, tabs or spaces, and may be quoted. Without a split column, the test split is chosen
    as in `read_folder`. A video without a group gets the gNN of a name like UCF101's as its group;
    unlike in `read_folder`, the same gNN is one group in all classes. Without a gNN, see
    `groups.guess_groups`.

    Args:
      name: Name of the dataset.
      annotations: The file.
      videos: The folder that the paths are relative to. Absolute paths must lead into it.
      split: 1 to 5.

    Raises:
      InputError: The file is missing, empty or malformed.
    """
    if annotations.is_dir():
        raise InputError(f"--annotations={annotations}: is a folder; give the .csv file itself")
    try:
        lines = _read_lines(annotations)
    except csv.Error as error:
        raise InputError(f"{annotations}: is not a CSV file ({error})") from error
    columns: Sequence[str] = ()
    if lines:
        columns = _columns(*lines[0], lines[1:])
        lines = lines[1:] if _is_header(lines[0][1]) else lines
    if not lines:
        raise InputError(f"{annotations}: the list is empty")
    rows = [_row(where, fields, columns) for where, fields in lines]
    unused = [column for column in columns if column not in _COLUMNS]
    notices = [f"columns of {annotations} that are not used: {', '.join(unused)}"] if unused else []
    return make_own(name, rows, VideoFolder(videos, exact=True), split, notices=notices)


def _read_lines(path: Path) -> list[Line]:
    """Returns the lines that are not blank, cut by the separator that gives all as many fields."""
    text = read_text(path)
    for delimiter in _DELIMITERS:
        lines = list(_cut(text, delimiter, path))
        counts = {len(fields) for _, fields in lines}
        if len(counts) == 1 and min(counts) > 1:
            return lines
    return list(_cut(text, ",", path))


def _cut(text: str, delimiter: str, path: Path) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    for fields in reader:
        stripped = [field.strip() for field in fields]
        while delimiter == " " and stripped and not stripped[-1]:  # blanks at the line's end
            stripped.pop()
        if any(stripped):
            yield f"{path}:{reader.line_num}", stripped


def _row(where: str, fields: Sequence[str], columns: Sequence[str]) -> Row:
    if len(fields) != len(columns) or not all(fields[columns.index(c)] for c in _COLUMNS[:2]):
        raise InputError(
            f"{where}: {fields} should be {', '.join(columns)}; path and label cannot be empty, "
            "and a field with a separator in it must be in quotes"
        )
    row = dict(zip(columns, fields, strict=True))
    check_label(row["label"], where)
    split = row.get("split", "")
    if split and split.lower() not in OWN_SPLITS:
        raise InputError(f"{where}: split '{split}' is unknown{suggest(split, OWN_SPLITS)}")
    if "split" in columns and not split:
        raise InputError(f"{where}: has no split; write train, val or test")
    label, group = normal(row["label"]), normal(row.get("group", ""))
    return Row(where, row["path"], label, OWN_SPLITS.get(split.lower(), ""), group)


def _is_header(fields: Sequence[str]) -> bool:
    return not {"path", "label"}.isdisjoint(field.lower() for field in fields)


def _columns(where: str, fields: Sequence[str], below: Sequence[Line]) -> Sequence[str]:
    """Returns the names of the columns; `fields` is the first line, which may be a header."""
    header = [field.lower() for field in fields]
    if _is_header(fields):
        for column in set(header).difference(_COLUMNS):
            near = get_close_matches(column, set(_COLUMNS).difference(header), n=1)
            if near:
                raise InputError(
                    f"{where}: column '{column}' is unknown; did you mean '{near[0]}'?"
                )
        if not {"path", "label"} <= set(header) or len(set(header)) < len(header):
            raise InputError(
                f"{where}: the header must name path and label, and each column only once; it "
                f"names {', '.join(header)}"
            )
        return header
    if below and _has_video(below[0][1]) and not _has_video(fields):
        raise InputError(
            f"{where}: {fields} names the columns by other names; write 'path' and 'label' (and "
            "'split' and 'group' where they are there)"
        )
    if not 2 <= len(fields) <= len(_COLUMNS):
        raise InputError(
            f"{where}: has {len(fields)} fields; a line is 'path,label' or 'path,label,split' or "
            "'path,label,split,group'; for other columns, name them all in the first line"
        )
    return _COLUMNS[: len(fields)]


def _has_video(fields: Sequence[str]) -> bool:
    return any(PurePosixPath(field).suffix.lower() in VIDEO_SUFFIXES for field in fields)
