"""Video files to records: `python -m data_prep.build --dataset=ucf101 --videos=... --out=...`.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep.annotations import DATASETS, SPLITS, Dataset, read_dataset
from data_prep.output import (
    Converted,
    Output,
    fingerprint,
    write_index,
    write_skipped,
)
from data_prep.pool import run_tasks
from data_prep.staging import SkippedVideo, StagedVideo, StagingTask, stage_video
from vidkd_jax.errors import DISK_FULL, InputError, run_command


def main(argv: list[str] | None = None) -> None:
    """Converts one dataset; see `--help`."""
    args = _parse(argv)
    if args.dataset == "folder" and args.out.resolve().is_relative_to(args.videos.resolve()):
        raise InputError(f"--out={args.out}: is inside --videos; choose a folder outside")
    dataset = read_dataset(
        args.dataset, args.annotations, args.videos, split=args.split, name=args.name
    )
    output = Output(args.out, dataset.name, args.split)
    settings = {
        "name": dataset.name,
        "dataset": args.dataset,
        "split": args.split,
        "short_side": args.short_side,
        "quality": args.quality,
        "lists": fingerprint(dataset),
        "class_names": list(dataset.class_names),
    }
    if _is_finished(output, settings):
        shutil.rmtree(output.staging, ignore_errors=True)  # killed while it was removing this
        print(f"finished already: {output.records}")
        return
    with _clear_disk_errors(output), _only_one(output):
        results = _stage(dataset, output, args)
        skipped = _report_skipped(dataset, results, args)
        splits = _by_split(dataset, results)
        _write_records(splits, output, settings | {"skipped": skipped})
    counts = ", ".join(f"{split} {len(videos)}" for split, videos in splits.items())
    print(f"{output.records}: {counts} videos; skipped {skipped} of {len(results)}")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m data_prep.build", description=__doc__)
    parser.add_argument("--dataset", required=True, choices=sorted(DATASETS), help="list format")
    parser.add_argument("--videos", required=True, type=Path, help="folder of the videos")
    parser.add_argument("--annotations", type=Path, help="folder of the lists; for csv the file")
    parser.add_argument("--out", required=True, type=Path, help="records go to OUT/NAME/splitN")
    parser.add_argument("--name", help="of the dataset; default: as --dataset")
    parser.add_argument("--split", type=int, default=1, help="number of the official split")
    parser.add_argument("--short_side", type=_positive, default=128, help="pixels")
    parser.add_argument("--quality", type=_quality, default=95, help="of the JPEG frames, 1-100")
    parser.add_argument("--workers", type=_positive, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--max_skipped", type=_fraction, default=0.01, help="fraction of unusable videos to accept"
    )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
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


@contextmanager
def _only_one(output: Output) -> Iterator[None]:
    """Keeps a second build of the same records out; a killed one leaves no lock behind."""
    output.staging.mkdir(parents=True, exist_ok=True)
    with (output.config / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{output.config}: another build is writing there") from error
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


def _stage(
    dataset: Dataset, output: Output, args: argparse.Namespace
) -> list[StagedVideo | SkippedVideo]:
    """Converts every video; returns the results in list order."""
    folder = output.staging / "videos"
    folder.mkdir(exist_ok=True)
    tasks = [
        StagingTask(
            source=entry.path,
            # A hash: ids may hold anything that a file name may not.
            target=folder / f"{hashlib.sha256(entry.id.encode()).hexdigest()[:32]}.frames",
            short_side=args.short_side,
            quality=args.quality,
        )
        for entry in dataset.entries
    ]
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    results = run_tasks(stage_video, tasks, args.workers)
    return list(tqdm(results, "converting", total=len(tasks), unit="video"))


def _report_skipped(
    dataset: Dataset, results: Sequence[StagedVideo | SkippedVideo], args: argparse.Namespace
) -> int:
    """Writes OUT/skipped.csv and returns its length.

    Raises:
      InputError: More are skipped than `--max_skipped` allows.
    """
    pairs = zip(dataset.entries, results, strict=True)
    skipped = [(entry.id, result) for entry, result in pairs if isinstance(result, SkippedVideo)]
    path = args.out / "skipped.csv"
    write_skipped(path, skipped)
    if len(skipped) > args.max_skipped * len(results):
        first = skipped[0][1]
        raise InputError(
            f"{path}: {len(skipped)} of {len(results)} videos are unusable, more than "
            f"--max_skipped={args.max_skipped:g} (the first: {first.path.name}: {first.cause}); "
            "repair them or raise --max_skipped, then run again: the others are kept"
        )
    return len(skipped)


def _by_split(
    dataset: Dataset, results: Sequence[StagedVideo | SkippedVideo]
) -> dict[str, list[Converted]]:
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


if __name__ == "__main__":
    run_command(main)
