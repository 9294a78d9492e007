"""What every command that makes records shares: staged, resumable, complete or not there.

Two stages. Each video becomes a staging file of JPEG frames (worker processes; what an earlier,
interrupted run staged is not done again); then the records are written from these in the order of
the lists, and appear under their final name when they are complete.
"""

import argparse
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tqdm import tqdm

from data_prep.annotations import SPLITS, Dataset, Entry
from data_prep.output import Converted, Output, write_index, write_skipped
from data_prep.pool import run_tasks
from data_prep.staging import SkippedVideo, StagedVideo
from vidkd_jax.errors import DISK_FULL, InputError

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
      skipped_file: Where unusable videos are listed.
      missing: How many of the official lists' videos the dataset lacks from the start.
    """

    dataset: Dataset
    output: Output
    settings: dict[str, Any]
    make_task: Callable[[Entry, Path], Task]
    stage: Callable[[Task], Result]
    skipped_file: Path
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
        if _is_finished(output, self.settings):
            shutil.rmtree(output.staging, ignore_errors=True)  # killed while it was removing this
            print(f"finished already: {output.records}")
            return
        with _clear_disk_errors(output), only_one(output):
            results = _stage(self, workers)
            skipped = _report_skipped(self, results, max_skipped)
            splits = _by_split(self.dataset, results)
            _write_records(splits, output, self.settings | {"skipped": self.missing + skipped})
        counts = ", ".join(f"{split} {len(videos)}" for split, videos in splits.items())
        print(f"{output.records}: {counts} videos; skipped {skipped} of {len(results)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every conversion has."""
    parser.add_argument("--quality", type=_quality, default=95, help="of the JPEG frames, 1-100")
    parser.add_argument("--workers", type=positive, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--max_skipped", type=_fraction, default=0.01, help="fraction of unusable videos to accept"
    )


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


@contextmanager
def only_one(output: Output) -> Iterator[None]:
    """Keeps a second run for the same records out; a killed one leaves no lock behind."""
    output.staging.mkdir(parents=True, exist_ok=True)
    with (output.config / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{output.config}: another run is writing there") from error
        yield


@contextmanager
def _clear_disk_errors(output: Output) -> Iterator[None]:
    """Says of a full or read-only disk what it is; nothing that was done is lost."""
    try:
        yield
    except OSError as error:
        full = error.errno in DISK_FULL
        remedy = "free some space" if full else "choose an --out that can be written to"
        raise InputError(
            f"--out={output.root}: {error.strerror}; {remedy} and run the same command again, "
            "it continues"
        ) from error


def _is_finished(output: Output, settings: dict[str, Any]) -> bool:
    """Whether the records are there already, made with the same settings.

    Raises:
      InputError: They are there, made with others.
    """
    path = output.records / "dataset.json"
    if not output.records.exists():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable; delete {output.records} and run again") from error
    for field, value in settings.items():
        if found.get(field) != value:
            was = f"{field}={found.get(field)}" if field != "lists" else "other lists or videos"
            raise InputError(
                f"{output.records} is finished, but was made with {was}; "
                "choose another --out or delete it"
            )
    return True


def _stage(conversion: Conversion[Any], workers: int) -> list[Result]:
    """Converts every video; returns the results in list order."""
    folder = conversion.output.staging / "videos"
    folder.mkdir(exist_ok=True)
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
    return list(tqdm(results, "converting", total=len(tasks), unit="video"))


def _report_skipped(
    conversion: Conversion[Any], results: Sequence[Result], max_skipped: float
) -> int:
    """Writes the list of skipped videos and returns its length.

    Raises:
      InputError: More are skipped than `max_skipped` allows.
    """
    pairs = zip(conversion.dataset.entries, results, strict=True)
    skipped = [(entry.id, result) for entry, result in pairs if isinstance(result, SkippedVideo)]
    path = conversion.skipped_file
    write_skipped(path, skipped)
    if len(skipped) > max_skipped * len(results):
        first = skipped[0][1]
        raise InputError(
            f"{path}: {len(skipped)} of {len(results)} videos are unusable, more than "
            f"--max_skipped={max_skipped:g} (the first: {first.path.name}: {first.cause}); "
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
    with tqdm(desc="writing records", total=len(videos), unit="video") as progress:
        builder = VideoRecords(
            name=output.name,
            config_name=output.config.name,
            class_names=settings["class_names"],
            splits=splits,
            progress=progress,
            data_dir=unfinished,
        )
        folder = write_records(builder)
    write_index(folder, splits, settings)
    folder.rename(output.records)
    shutil.rmtree(output.staging)
