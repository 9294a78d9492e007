"""Converts videos to records: `python -m data_prep.build --dataset=ucf101 --videos=... --out=...`.

Each frame is decoded once, resized, and stored as JPEG.
"""

import argparse
from pathlib import Path

from data_prep.annotations import DATASETS, Entry, read_dataset
from data_prep.conversion import Conversion, add_arguments, positive
from data_prep.output import Output, fingerprint, fingerprint_files
from data_prep.staging import StagingTask, stage_video
from vidkd_jax.errors import InputError, run_command


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
        "frames_per_record": args.frames_per_record,
        "lists": fingerprint(dataset),
        "videos": fingerprint_files(dataset),
        "class_names": list(dataset.class_names),
    }

    def make_task(entry: Entry, target: Path) -> StagingTask:
        return StagingTask(entry.path, target, args.short_side, args.quality)

    conversion = Conversion(dataset, output, settings, make_task, stage_video)
    conversion.run(workers=args.workers, max_skipped=args.max_skipped)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m data_prep.build", description=__doc__)
    parser.add_argument("--dataset", required=True, choices=sorted(DATASETS), help="list format")
    parser.add_argument("--videos", required=True, type=Path, help="folder with the videos")
    parser.add_argument("--annotations", type=Path, help="folder with the lists; for csv, the file")
    parser.add_argument("--out", required=True, type=Path, help="records go to OUT/NAME/splitN")
    parser.add_argument("--name", help="name of the dataset (default: --dataset)")
    parser.add_argument("--split", type=int, default=1, help="number of the official split")
    parser.add_argument("--short_side", type=positive, default=128, help="stored size, in pixels")
    add_arguments(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main)
