"""The folder of a dataset's records: its layout, and the text files beside the records."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.staging import SkippedVideo, StagedVideo
from vidkd_jax.annotations import Entry
from vidkd_jax.runtime.files import written
from vidkd_jax.runtime.lock import only_one

VERSION = "1.0.0"  # version of the schema of the records
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
      root: The value of --out.
      name: Name of the dataset.
      split: Number of the split.
    """

    root: Path
    name: str
    split: int

    @property
    def config(self) -> Path:
        """The folder that holds one folder per version."""
        return self.root / self.name / f"split{self.split}"

    @property
    def records(self) -> Path:
        """The folder of the finished records. It exists only when they are complete."""
        return self.config / VERSION

    @property
    def skipped(self) -> Path:
        """The list of unusable videos; all datasets below `root` share it."""
        return self.root / "skipped.csv"

    @property
    def staging(self) -> Path:
        """The folder of everything unfinished. Readers ignore it because of its name."""
        return self.config / ".staging"


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
    """Replaces the rows of this dataset and split in OUT/skipped.csv by (id, skipped video) rows.

    Rows of other datasets and splits are kept. Runs that write at the same time wait for each
    other.
    """
    own = [output.name, str(output.split)]
    with only_one(output.root / ".skipped.lock", wait=True):
        others = [row for row in _read_skipped(output.skipped) if row[:2] != own]
        # surrogateescape, because a path may hold bytes that are not UTF-8.
        how: dict[str, Any] = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
        with written(output.skipped) as whole, whole.open("w", **how) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_SKIPPED_COLUMNS)
            writer.writerows(others)
            writer.writerows([*own, name, video.path, video.cause] for name, video in skipped)


def _read_skipped(path: Path) -> list[list[str]]:
    """Returns the rows; no rows if the file does not exist or is of an earlier version."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        columns, *rows = [*csv.reader(file)] or [[]]
    return rows if tuple(columns) == _SKIPPED_COLUMNS else []
