"""The two stages of every command that makes records.

First, worker processes convert each video to a staging file of JPEG frames. A video that an
interrupted run has staged is not converted again. Then the records are written from the staging
files, in the order of the lists. They get their final name only when they are complete.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from data_prep.disk import clear_disk_errors, sync
from data_prep.notices import describe, find_alike
from data_prep.output import Converted, Output, write_index, write_skipped
from data_prep.pool import run_tasks
from data_prep.staging import SkippedVideo, StagedVideo
from vidkd_jax.annotations import SPLITS, Dataset, Entry
from vidkd_jax.annotations.files import exists
from vidkd_jax.errors import InputError, check_text, first_of
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.runtime.progress import progress_bar

# What the message says if one of these settings differs: their values are hashes.
_OTHER = {
    "lists": "with other lists",
    "videos": "from other video files",
    "source": "from other records",
}
# Fields that records of earlier versions lack: without a value that is known, or with this one.
_UNKNOWN_ONCE = ("videos", "source", "frames_per_record", "groups")
_EARLIER = {"fps": 0.0, "keep_damaged": False}

Result = StagedVideo | SkippedVideo
Task = TypeVar("Task")


@dataclass(frozen=True)
class Conversion(Generic[Task]):
    """Which records to make, and how.

    Attributes:
      dataset: The videos, in record order.
      output: Where the records go.
      settings: What the records depend on; written to dataset.json.
      make_task: Makes the argument of `stage` from a video and the path of its staging file.
      stage: Converts one video, or returns what an earlier run staged. Runs in worker processes.
      missing: How many listed videos were already skipped when the source of `dataset` was made.
    """

    dataset: Dataset
    output: Output
    settings: dict[str, Any]
    make_task: Callable[[Entry, Path], Task]
    stage: Callable[[Task], Result]
    missing: int = 0

    def run(self, *, workers: int, max_skipped: float, max_missing: float = 0.0) -> None:
        """Makes the records, or continues an interrupted run; only prints a line if they are done.

        Args:
          workers: Number of processes.
          max_skipped: Largest fraction of unusable videos to accept.
          max_missing: Largest fraction of missing files to accept, which are not counted as
            unusable.

        Raises:
          InputError: The records exist with other settings, another run is writing there, too many
            videos are unusable, or the disk is full.
        """
        output, classes = self.output, _describe_classes(self.dataset.class_names)
        check_text("--out", output.root)  # else fails hours later
        _read_finished(output, self.settings)  # raises before anything is written
        with clear_disk_errors(output.root), only_one(output.config / ".lock"):
            if finished := _read_finished(output, self.settings):
                # The run that finished the records was killed before it had removed this folder.
                shutil.rmtree(output.staging, ignore_errors=True)
                _print_finished(output, finished["skipped"])
                print(classes)
                return
            missing = _report_missing(self, max_missing)
            results = _stage(self, workers)
            skipped = _report_skipped(self, results, missing, max_skipped)
            splits = _by_split(self.dataset, results)
            alike = find_alike(splits)
            said = [*describe(splits, self.dataset.class_names, alike), classes]
            counted = {"skipped": self.missing + skipped, "alike": len(alike)}
            _write_records(splits, output, self.settings | counted)
        counts = ", ".join(f"{split} {len(videos)}" for split, videos in splits.items())
        print(f"{output.records}: {counts} videos; skipped {skipped} of {len(results)}")
        print("\n".join(said))


def _read_finished(output: Output, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the content of dataset.json if the records are finished, else None.

    Raises:
      InputError: The records are finished, but with other settings or from other input.
    """
    path = output.records / "dataset.json"
    if not output.records.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read; delete {output.records} and run again"
        ) from error
    for field, value in settings.items():
        earlier = value if field in _UNKNOWN_ONCE else _EARLIER.get(field)
        if found.get(field, earlier) != value:
            made = _OTHER.get(field, f"with {field}={found.get(field)}")
            raise InputError(
                f"{output.records} is finished, but was made {made}; "
                "choose another --out or delete that folder"
            )
    return found


def _describe_classes(class_names: Sequence[str]) -> str:
    """Returns the number of the classes and the first names, which show whether all is as meant."""
    return f"{len(class_names)} classes: {first_of(class_names, 10)}"


def _print_finished(output: Output, skipped: int) -> None:
    again = f"delete {output.records} to convert them again"
    tail = f", {skipped} videos were skipped ({output.skipped}); {again}" if skipped else ""
    print(f"already finished: {output.records}{tail}")


def _stage(conversion: Conversion[Any], workers: int) -> list[Result]:
    """Converts every video and returns the results in the order of the lists."""
    folder = conversion.output.staging / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    tasks = [
        # The name is a hash, because an id may hold characters that a file name cannot.
        conversion.make_task(
            entry, folder / f"{hashlib.sha256(entry.id.encode()).hexdigest()[:32]}.frames"
        )
        for entry in conversion.dataset.entries
    ]
    paths = [entry.path for entry in conversion.dataset.entries]
    results = run_tasks(conversion.stage, tasks, workers, paths)
    return list(progress_bar(results, desc="converting", total=len(tasks), unit="video"))


def _report_missing(conversion: Conversion[Any], max_missing: float) -> set[str]:
    """Writes the list of missing files, before anything is converted, and returns their ids.

    Raises:
      InputError: More files are missing than `max_missing` allows.
    """
    entries, listed = conversion.dataset.entries, conversion.output.skipped
    missing = [entry for entry in entries if not exists(entry.path)]
    if missing:
        write_skipped(
            conversion.output,
            [(entry.id, SkippedVideo(entry.path, "no such file")) for entry in missing],
        )
        said = f"{len(missing)} of {len(entries)} listed videos are missing, such as "
        said += f"{missing[0].path} ({listed} lists all)"
        if len(missing) > max_missing * len(entries):
            raise InputError(
                f"{said}, more than --max_missing={max_missing:g} allows; add them, correct "
                "--videos or the list, or raise --max_missing"
            )
        print(said)
    return {entry.id for entry in missing}


def _report_skipped(
    conversion: Conversion[Any], results: Sequence[Result], missing: set[str], max_skipped: float
) -> int:
    """Writes the list of skipped videos and returns its length; `missing` are ids.

    Raises:
      InputError: More videos are unusable than `max_skipped` allows. Missing ones do not count.
    """
    pairs = zip(conversion.dataset.entries, results, strict=True)
    skipped = [(entry.id, result) for entry, result in pairs if isinstance(result, SkippedVideo)]
    write_skipped(conversion.output, skipped)
    unusable = [video for name, video in skipped if name not in missing]
    if len(unusable) > max_skipped * len(results):
        raise InputError(
            f"{conversion.output.skipped}: {len(unusable)} of {len(results)} videos are unusable, "
            f"more than --max_skipped={max_skipped:g} allows "
            f"(the first: {unusable[0].path}: {unusable[0].cause}); repair them, move them out of "
            "the folder or the list, or raise --max_skipped; then run the same command again, "
            "which keeps the converted videos"
        )
    return len(skipped)


def _by_split(dataset: Dataset, results: Sequence[Result]) -> dict[str, list[Converted]]:
    splits = {
        split: [
            Converted(entry, result)
            for entry, result in zip(dataset.entries, results, strict=True)
            if entry.split == split and isinstance(result, StagedVideo)
        ]
        for split in SPLITS
    }
    for split in ("train", "test"):
        if not splits[split]:
            raise InputError(
                f"{dataset.name}: no usable video in the split {split}; skipped.csv in --out lists "
                "the unusable ones"
            )
    return {split: videos for split, videos in splits.items() if videos}


def _write_records(
    splits: dict[str, list[Converted]], output: Output, settings: dict[str, Any]
) -> None:
    """Writes the records in the staging folder, then moves them to their final place in one step.

    Raises:
      OSError: The disk is full.
    """
    from data_prep.builder import VideoRecords, write_records  # takes a second to import

    videos = [converted.video for part in splits.values() for converted in part]
    needed = sum(video.num_bytes for video in videos)
    unfinished = output.staging / "records"
    shutil.rmtree(unfinished, ignore_errors=True)
    if needed > shutil.disk_usage(output.staging).free:
        raise OSError(errno.ENOSPC, f"the records need {needed / 2**20:.0f} MiB of free space")
    with progress_bar(desc="writing records", total=len(videos), unit="video") as bar:
        builder = VideoRecords(
            name=output.name,
            config_name=output.config.name,
            class_names=settings["class_names"],
            splits=splits,
            frames_per_record=settings["frames_per_record"],
            progress=bar,
            data_dir=unfinished,
        )
        folder = write_records(builder)
    write_index(folder, splits, settings)
    for path in folder.iterdir():
        sync(path)
    sync(folder)
    folder.rename(output.records)
    sync(output.config)
    shutil.rmtree(output.staging)
