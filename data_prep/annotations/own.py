"""Reads people's own videos: a folder per class, or a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from data_prep.annotations.folds import assign_fold
from data_prep.annotations.locate import VideoFolder, walk
from data_prep.annotations.text import check_label, read_text
from data_prep.annotations.types import Dataset, Listed, make_dataset
from data_prep.annotations.ucf101 import ucf_group
from vidkd_jax.errors import InputError, suggest

# Names that people give to the three splits.
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_COLUMNS = ("path", "label", "split", "group")


def read_folder(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads DIR/[train|val|test/]label/video.*; the class names are the folders' names.

    The group of a video is the folder between label and video (label/recording-3/clip.mp4). Without
    such a folder, it is the label and the gNN of a name like UCF101's; without a gNN, each video is
    a group of its own. Without folders for the splits, a fifth of the groups of each class is the
    test split, and `split` says which fifth. Hidden files are ignored. Any other file that is not a
    video is reported as unusable.

    Args:
      name: Name of the dataset.
      annotations: Not used; there are no lists.
      videos: DIR.
      split: 1 to 5.

    Raises:
      InputError: There are no class folders or too few videos, a folder is a link, or a file name
        is not UTF-8 text.
    """
    del annotations
    folder = VideoFolder(videos, exact=True)
    files = sorted(path.relative_to(videos) for path in walk(videos))
    _check_names(files, videos)
    _check_stems(files, videos)
    has_splits = _has_splits(files, videos)
    depth = 1 if has_splits else 0
    _check_layout(files, videos, depth)
    rows = []
    for path in files:
        label, group = path.parts[depth], "/".join(path.parts[depth + 1 : -1])
        if not group and (number := ucf_group(path.stem)):
            group = f"{label}_{number}"  # each class of UCF101 counts its groups anew
        split_name = _SPLITS[path.parts[0].lower()] if has_splits else ""
        rows.append((str(videos / path), path.as_posix(), label, split_name, group))
    return _make(name, rows, folder, split)


def _check_names(files: Sequence[Path], videos: Path) -> None:
    """Raises InputError for a name that cannot be written to a text file, such as the index."""
    for path in files:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{str(videos / path)!a}: the name is not UTF-8 text; rename the file"
            ) from error


def _check_stems(files: Sequence[Path], videos: Path) -> None:
    """Raises InputError if two files differ only in their extension.

    They would get the same id. Often one of the two is not a video.
    """
    seen: dict[Path, Path] = {}
    for path in files:
        other = seen.setdefault(path.with_suffix(""), path)
        if other != path:
            raise InputError(
                f"{videos / path}: '{videos / other}' has the same name except for the extension; "
                "rename one of them, or move the one that is not a video out of the folder"
            )


def _has_splits(files: Sequence[Path], videos: Path) -> bool:
    """Returns True if the folders in `videos` are splits, and False if they are classes.

    Raises:
      InputError: At least two folders are named like splits, and others are not. (One folder named
        like a split among others is read as a class; "dev" could be a class.)
    """
    tops = {path.parts[0] for path in files}
    others = sorted(top for top in tops if top.lower() not in _SPLITS)
    if others and len(tops) - len(others) >= 2:
        raise InputError(
            f"{videos / others[0]}: is beside folders that are splits ("
            f"{', '.join(sorted(tops.difference(others)))}); move it into one of them, or out of "
            "the video folder"
        )
    return bool(tops) and not others


def _check_layout(files: Sequence[Path], videos: Path, depth: int) -> None:
    """Checks that the folders at `depth` can be classes.

    Raises:
      InputError: A video is in no such folder, there is only one of them (often because --videos
        is one folder too high), or there are folders for the splits in them.
    """
    for path in files:
        if len(path.parts) < depth + 2:
            raise InputError(
                f"{videos / path}: is not in a class folder; move it to {videos}/<label>/<video>"
            )
    labels = {path.parts[depth] for path in files}
    inner = sorted({path.parts[depth + 1] for path in files if len(path.parts) > depth + 2})
    if len(labels) == 1:
        (label,) = labels
        remedy = "make one folder per class, as in V/wave/1.mp4 and V/clap/2.mp4 for --videos=V"
        if inner and not depth:
            remedy = (
                f"if these are the classes or the splits: {_some(inner)}, use "
                f"--videos={videos / label}"
            )
        raise InputError(
            f"--videos={videos}: all {len(files)} videos are of one class, '{label}', and a "
            f"network must have at least two to tell apart; {remedy}"
        )
    splits = [name for name in inner if name.lower() in _SPLITS]
    if not depth and len({_SPLITS[name.lower()] for name in splits}) > 1:
        raise InputError(
            f"--videos={videos}: the class folders hold folders for the splits "
            f"({_some(splits)}); put the splits above the classes, as in "
            f"{videos}/{splits[0]}/{min(labels)}"
        )


def _some(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def read_csv(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads a CSV file with the columns path and label and, optionally, split and group.

    The first line may name the columns, in any order. Without such a line the columns are path,
    label, split, group. Fields may be quoted. Without a split column, the test split is chosen as
    in `read_folder`. A video without a group gets the gNN of a name like UCF101's as its group;
    unlike in `read_folder`, the same gNN is one group in all classes. Without a gNN, the video is a
    group of its own.

    Args:
      name: Name of the dataset.
      annotations: The file.
      videos: The folder that the paths are relative to.
      split: 1 to 5.

    Raises:
      InputError: The file is missing, empty or malformed.
    """
    if annotations.is_dir():
        raise InputError(f"--annotations={annotations}: is a folder; give the .csv file itself")
    try:
        rows = list(_read_rows(annotations))
    except csv.Error as error:
        raise InputError(f"{annotations}: is not a CSV file ({error})") from error
    if not rows:
        raise InputError(f"{annotations}: the list is empty")
    return _make(name, rows, VideoFolder(videos, exact=True), split)


def _read_rows(path: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """Yields (where, path, label, split or "", group or "")."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    columns: Sequence[str] | None = None
    for fields in reader:
        where = f"{path}:{reader.line_num}"
        fields = [field.strip() for field in fields]
        if not any(fields):
            continue
        if columns is None:
            columns = _columns(fields, where)
            if _is_header(fields):
                continue
        if len(fields) != len(columns) or not all(fields[columns.index(c)] for c in _COLUMNS[:2]):
            raise InputError(
                f"{where}: {fields} should be {', '.join(columns)}; path and label cannot be empty"
            )
        row = dict(zip(columns, fields, strict=True))
        check_label(row["label"], where)
        split = row.get("split", "")
        if split and split.lower() not in _SPLITS:
            raise InputError(f"{where}: split '{split}' is unknown{suggest(split, _SPLITS)}")
        if "split" in columns and not split:
            raise InputError(f"{where}: has no split; write train, val or test")
        yield where, row["path"], row["label"], _SPLITS.get(split.lower(), ""), row.get("group", "")


def _is_header(fields: Sequence[str]) -> bool:
    return not {"path", "label"}.isdisjoint(field.lower() for field in fields)


def _columns(fields: Sequence[str], where: str) -> Sequence[str]:
    """Returns the names of the columns; `fields` is the first line, which may be a header."""
    header = [field.lower() for field in fields]
    if _is_header(fields):
        for column in header:
            if column not in _COLUMNS:
                raise InputError(
                    f"{where}: column '{column}' is unknown{suggest(column, _COLUMNS)}"
                )
        if not {"path", "label"} <= set(header) or len(set(header)) < len(header):
            raise InputError(
                f"{where}: the header must name path and label, and each column only once"
            )
        return header
    if not 2 <= len(fields) <= len(_COLUMNS):
        raise InputError(
            f"{where}: has {len(fields)} fields; a line is 'path,label' or 'path,label,split' or "
            "'path,label,split,group'"
        )
    return _COLUMNS[: len(fields)]


def _make(
    name: str, rows: list[tuple[str, str, str, str, str]], videos: VideoFolder, split: int
) -> Dataset:
    """Makes the dataset from rows of (where, path, label, split or "", group or "")."""
    class_names = sorted({label for _, _, label, _, _ in rows}, key=_natural)
    numbers = {label: number for number, label in enumerate(class_names)}
    listed = []
    for where, file, label, split_name, group in rows:
        video = PurePosixPath(file.replace("\\", "/"))
        if not video.name:
            raise InputError(f"{where}: path '{file}' does not name a file")
        video_id = str(video.with_suffix(""))
        group = group or ucf_group(video.stem) or video_id
        listed.append(Listed(video_id, (file,), numbers[label], group, split_name, where))
    if not any(line.split for line in listed):
        listed = assign_fold(listed, class_names, split)
    return make_dataset(name, class_names, listed, videos)


def _natural(label: str) -> tuple[int, str]:
    """Returns a sort key: labels that are numbers come first, in numerical order."""
    return (int(label), label) if label.isdecimal() else (10**9, label)
