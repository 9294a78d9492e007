"""The folder of a dataset's records: what lies where, and the plain-text files beside them."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.annotations import Dataset, Entry
from data_prep.staging import SkippedVideo, StagedVideo
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.video import VideoError, file_status

VERSION = "1.0.0"  # of the records' schema
INDEX_COLUMNS = ("id", "label", "group", "num_frames", "fps", "height", "width")
_SKIPPED_COLUMNS = ("dataset", "split", "id", "path", "cause")


@dataclass(frozen=True)
class Converted:
    """A list entry and its frames."""

    entry: Entry
    video: StagedVideo


@dataclass(frozen=True)
class Output:
    """Where the records of one dataset and split number go.

    Attributes:
      root: What the user gave as --out.
      name: Of the dataset.
      split: Number of the split.
    """

    root: Path
    name: str
    split: int

    @property
    def config(self) -> Path:
        """The folder of all versions."""
        return self.root / self.name / f"split{self.split}"

    @property
    def records(self) -> Path:
        """The finished records; exists only when they are complete."""
        return self.config / VERSION

    @property
    def skipped(self) -> Path:
        """The list of all unusable videos, whatever their dataset."""
        return self.root / "skipped.csv"

    @property
    def staging(self) -> Path:
        """Everything unfinished; its name hides it from readers."""
        return self.config / ".staging"


def fingerprint(dataset: Dataset) -> str:
    """Returns a hash of the lists: ids, labels, groups, splits and class names, in order."""
    lines = [[e.id, e.label, e.group, e.split] for e in dataset.entries]
    content = json.dumps([dataset.class_names, lines])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def fingerprint_files(dataset: Dataset) -> str:
    """Returns a hash of the video files: ids and sizes in bytes (-1: there is no file), in order.

    Sizes tell videos that were rendered again or replaced, and cost no reading.
    """
    sizes = [[entry.id, _size(entry.path)] for entry in dataset.entries]
    return hashlib.sha256(json.dumps(sizes).encode()).hexdigest()[:16]


def _size(path: Path) -> int:
    """Returns a file's size in bytes, -1 where there is none, or none can have this name."""
    try:
        return file_status(path).st_size
    except (VideoError, ValueError):
        return -1


def write_index(
    folder: Path, splits: Mapping[str, Sequence[Converted]], settings: Mapping[str, Any]
) -> None:
    """Writes videos-<split>.csv, in record order, and dataset.json into the records' folder."""
    for split, videos in splits.items():
        with (folder / f"videos-{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(INDEX_COLUMNS)
            writer.writerows(_index_row(converted) for converted in videos)
    stored = [converted.video for videos in splits.values() for converted in videos]
    heights = [video.stored_height for video in stored]
    widths = [video.stored_width for video in stored]
    description = dict(settings) | {
        "counts": {split: len(videos) for split, videos in splits.items()},
        "stored_height": {"min": min(heights), "max": max(heights)},
        "stored_width": {"min": min(widths), "max": max(widths)},
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (folder / "dataset.json").write_text(text, encoding="utf-8")


def _index_row(converted: Converted) -> tuple[Any, ...]:
    entry, video = converted.entry, converted.video
    return (
        entry.id,
        entry.label,
        entry.group,
        video.num_frames,
        video.fps,
        video.height,
        video.width,
    )


def write_skipped(output: Output, skipped: Sequence[tuple[str, SkippedVideo]]) -> None:
    """Lists each (id, skipped video) in OUT/skipped.csv, in place of these records' former rows.

    The rows of other records stay; runs for several of them at once take turns.
    """
    own = [output.name, str(output.split)]
    with only_one(output.root / ".skipped.lock", wait=True):
        others = [row for row in _read_skipped(output.skipped) if row[:2] != own]
        partial = output.skipped.with_suffix(".partial")
        # surrogateescape: paths may be any bytes.
        with partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_SKIPPED_COLUMNS)
            writer.writerows(others)
            writer.writerows([*own, name, video.path, video.cause] for name, video in skipped)
        partial.replace(output.skipped)


def _read_skipped(path: Path) -> list[list[str]]:
    """Returns the rows; none if there is no such file, or one that an earlier version wrote."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        columns, *rows = [*csv.reader(file)] or [[]]
    return rows if tuple(columns) == _SKIPPED_COLUMNS else []
