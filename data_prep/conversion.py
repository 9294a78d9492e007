"""What every command that makes records shares: staged, resumable, complete or not there.

Two stages. Each video becomes a staging file of JPEG frames (worker processes; what an earlier,
interrupted run staged is not done again); then the records are written from these in the order of
the lists, and appear under their final name when they are complete.
"""

import argparse
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from data_prep.annotations import SPLITS, Dataset, Entry
from data_prep.disk import clear_disk_errors, sync
from data_prep.output import Converted, Output, write_index, write_skipped
from data_prep.pool import run_tasks
from data_prep.staging import SkippedVideo, StagedVideo
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.runtime.progress import progress_bar

# What is wrong where a hash differs.
_OTHER = {
    "lists": "with other lists",
    "videos": "from other video files",
    "source": "from other records",
}
# Fields that records of earlier versions do not have.
_UNKNOWN_ONCE = ("videos", "source", "frames_per_record")

Result = StagedVideo | SkippedVideo
Task = TypeVar("Task")


@dataclass(frozen=True)
class Conversion(Generic[Task]):
    """Records to make.

    Attributes:
      dataset: The videos, in record order.
      output: Where the records go.
      settings: What they depend on; goes into dataset.json.
      make_task: From a video and the path of its staging file to the argument of `stage`.
      stage: Converts one video, or takes what an earlier run staged; runs in worker processes.
      missing: How many of the official lists' videos the dataset lacks from the start.
    """

    dataset: Dataset
    output: Output
    settings: dict[str, Any]
    make_task: Callable[[Entry, Path], Task]
    stage: Callable[[Task], Result]
    missing: int = 0

    def run(self, *, workers: int, max_skipped: float) -> None:
        """Makes the records, or goes on where an earlier run stopped, or says that it is finished.

        Args:
          workers: Number of processes.
          max_skipped: Fraction of unusable videos to accept.

        Raises:
          InputError: Finished with other settings, another run is writing there, too many videos
            are unusable, or the disk is full.
        """
        output = self.output
        _read_finished(output, self.settings)  # refuses before anything is written
        with clear_disk_errors(output.root), only_one(output.config / ".lock"):
            if finished := _read_finished(output, self.settings):
                # Killed while it was removing this.
                shutil.rmtree(output.staging, ignore_errors=True)
                _print_finished(output, finished["skipped"])
                return
            results = _stage(self, workers)
            skipped = _report_skipped(self, results, max_skipped)
            splits = _by_split(self.dataset, results)
            _write_records(splits, output, self.settings | {"skipped": self.missing + skipped})
        counts = ", ".join(f"{split} {len(videos)}" for split, videos in splits.items())
        print(f"{output.records}: {counts} videos; skipped {skipped} of {len(results)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every conversion has."""
    parser.add_argument("--quality", type=_quality, default=95, help="of the JPEG frames, 1-100")
    parser.add_argument(
        "--frames_per_record",
        type=positive,
        default=32,
        help="about; what is read at once: two clips' length is fastest",
    )
    add_workers(parser, "processes")
    parser.add_argument(
        "--max_skipped", type=_fraction, default=0.01, help="fraction of unusable videos to accept"
    )


def add_workers(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--workers`: by default as many as there are cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--workers", type=positive, default=cores, help=what)


def positive(text: str) -> int:
    """Parses a flag: a whole number of at least 1."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def _quality(text: str) -> int:
    if not 1 <= (value := int(text)) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100")
    return value


def _fraction(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _read_finished(output: Output, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the description of the records if they are there already, made as is asked for.

    Raises:
      InputError: They are there, made in another way or from something else.
    """
    path = output.records / "dataset.json"
    if not output.records.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable; delete {output.records} and run again") from error
    for field, value in settings.items():
        if found.get(field, value if field in _UNKNOWN_ONCE else None) != value:
            made = _OTHER.get(field, f"with {field}={found.get(field)}")
            raise InputError(
                f"{output.records} is finished, but was made {made}; "
                "choose another --out or delete it"
            )
    return found


def _print_finished(output: Output, skipped: int) -> None:
    again = f"delete {output.records} to convert them again"
    tail = f", {skipped} videos were skipped ({output.skipped}); {again}" if skipped else ""
    print(f"finished already: {output.records}{tail}")


def _stage(conversion: Conversion[Any], workers: int) -> list[Result]:
    """Converts every video; returns the results in list order."""
    folder = conversion.output.staging / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    tasks = [
        # A hash: ids may hold anything that a file name may not.
        conversion.make_task(
            entry, folder / f"{hashlib.sha256(entry.id.encode()).hexdigest()[:32]}.frames"
        )
        for entry in conversion.dataset.entries
    ]
    results = run_tasks(conversion.stage, tasks, workers)
    return list(progress_bar(results, desc="converting", total=len(tasks), unit="video"))


def _report_skipped(
    conversion: Conversion[Any], results: Sequence[Result], max_skipped: float
) -> int:
    """Writes the list of skipped videos and returns its length.

    Raises:
      InputError: More are skipped than `max_skipped` allows.
    """
    pairs = zip(conversion.dataset.entries, results, strict=True)
    skipped = [(entry.id, result) for entry, result in pairs if isinstance(result, SkippedVideo)]
    write_skipped(conversion.output, skipped)
    if len(skipped) > max_skipped * len(results):
        first = skipped[0][1]
        raise InputError(
            f"{conversion.output.skipped}: {len(skipped)} of {len(results)} videos are unusable, "
            f"more than --max_skipped={max_skipped:g} "
            f"(the first: {first.path.name}: {first.cause}); "
            "repair them or raise --max_skipped, then run again: the others are kept"
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
            raise InputError(f"{dataset.name}: no usable video in the split {split}")
    return {split: videos for split, videos in splits.items() if videos}


def _write_records(
    splits: dict[str, list[Converted]], output: Output, settings: dict[str, Any]
) -> None:
    """Writes the records in the staging folder, then moves them to their place at once."""
    from data_prep.builder import VideoRecords, write_records  # a second to import

    videos = [converted.video for part in splits.values() for converted in part]
    needed = sum(video.num_bytes for video in videos)
    unfinished = output.staging / "records"
    shutil.rmtree(unfinished, ignore_errors=True)
    if needed > shutil.disk_usage(output.staging).free:
        raise OSError(errno.ENOSPC, f"{needed / 2**20:.0f} MiB more are needed")
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
