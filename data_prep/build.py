"""Converts videos to records: `python -m data_prep.build --dataset=ucf101 --videos=... --out=...`.

Each frame is decoded once, resized, and stored as JPEG.
"""

import argparse
import os
import shlex
from pathlib import Path

from data_prep.arguments import add_arguments, fraction
from data_prep.conversion import Conversion
from data_prep.notices import check_training, of_validation, training_videos
from data_prep.output import Output
from data_prep.staging import StagingTask, stage_video
from vidkd_jax.annotations import DATASETS, Dataset, Entry, read_dataset
from vidkd_jax.annotations.files import MAX_MISSING, fingerprint, fingerprint_files
from vidkd_jax.data.record_sets import TASKS
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.settings import recipes
from vidkd_jax.settings.config import usual_root
from vidkd_jax.settings.settings import DataSettings, TrainSettings

# Short sides of recipes that differ from the papers' 128 pixels.
_RECIPE_SIZES = {"marionette": 56, "utd_mhad": 64}


def main(argv: list[str] | None = None) -> None:
    """Converts one dataset; see `--help`."""
    args = _parse(argv)
    out, videos = (Path(os.path.realpath(folder)) for folder in (args.out, args.videos))
    if args.dataset == "folder" and out.is_relative_to(videos):
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
        "fps": args.fps,
        "keep_damaged": args.keep_damaged,
        "lists": fingerprint(dataset),
        "videos": fingerprint_files(dataset),
        "class_names": list(dataset.class_names),
        "groups": dataset.count_groups(),
    }

    def make_task(entry: Entry, target: Path) -> StagingTask:
        return StagingTask(
            entry.path, target, args.short_side, args.quality, args.fps, args.keep_damaged
        )

    check_training(dataset)
    for notice in (*dataset.notices, *of_validation(dataset)):
        print(notice)
    conversion = Conversion(dataset, output, settings, make_task, stage_video)
    conversion.run(workers=args.workers, max_skipped=args.max_skipped, max_missing=args.max_missing)
    print(f"next: {next_command(args, dataset)}")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m data_prep.build", description=__doc__)
    parser.add_argument("--dataset", required=True, choices=sorted(DATASETS), help="list format")
    parser.add_argument("--videos", required=True, type=Path, help="folder with the videos")
    parser.add_argument("--annotations", type=Path, help="folder with the lists; for csv, the file")
    parser.add_argument("--out", required=True, type=Path, help="records go to OUT/NAME/splitN")
    parser.add_argument("--name", help="name of the dataset (default: --dataset)")
    parser.add_argument(
        "--split",
        type=int,
        default=1,
        help="official split; where folder or csv has none, which fifth of the groups tests (1)",
    )
    parser.add_argument("--short_side", type=_side, default=128, help="stored size, in pixels")
    parser.add_argument(
        "--fps",
        type=_rate,
        default=0.0,
        help="frames a second to store, each the nearest in time (default: as filmed)",
    )
    parser.add_argument(
        "--keep_damaged",
        action="store_true",
        help="keep videos with frames that FFmpeg had to patch; they are listed",
    )
    parser.add_argument(
        "--max_missing",
        type=fraction,
        default=MAX_MISSING,
        help="fraction of listed videos whose file may be missing",
    )
    add_arguments(parser)
    return parser.parse_args(argv)


def _rate(text: str) -> float:
    if not 0.1 <= (value := float(text)) <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 1000")
    return value


def _side(text: str) -> int:
    if (value := int(text)) < 8:
        raise argparse.ArgumentTypeError(f"{text} is less than 8 pixels")
    return value


def next_command(args: argparse.Namespace, dataset: Dataset) -> str:
    """Returns the command that trains on the records.

    Own videos at the default size train the papers' network, and smaller ones the laptop's.
    """
    size, flags = args.short_side, {}
    config, name = f"ty_r18:{args.dataset}", args.dataset
    usual = _RECIPE_SIZES.get(args.dataset, 128)
    if args.dataset == "marionette" and dataset.name in recipes.DATASETS:
        config, name = f"ty_r18:{dataset.name}", dataset.name
    elif dataset.name in TASKS:
        config, name = f"frame_teacher:{TASKS[dataset.name]}", dataset.name
        usual = _RECIPE_SIZES["marionette"]
    elif args.dataset in ("folder", "csv"):
        laptop = ("ty_r18:laptop", "mine", 64)
        config, name, usual = laptop if size < 128 else ("ty_r18", "ucf101", 128)
    if dataset.name != name:
        flags["name"] = dataset.name
    if size != usual:
        eighths = min(round(size * 7 / 64), size // 8)  # networks halve a clip's side repeatedly
        flags |= {"short_side": size, "crop": max(8 * eighths, 8)}
    if args.fps:
        flags["fps"] = args.fps
    if args.split != 1:
        flags["split"] = args.split
    if any(entry.split == "val" for entry in dataset.entries):
        flags["val"] = "val"
    if args.out != Path(usual_root() or DataSettings.root):
        flags["root"] = args.out
    words = [f"--config={config}", *(f"--config.data.{name}={v}" for name, v in flags.items())]
    words += _smaller_batch(args.dataset, dataset, config.partition(":")[2])
    words.append(f"--workdir=runs/{dataset.name}")
    return shlex.join(["python", "-m", "vidkd_jax.main", *words])


def _smaller_batch(kind: str, dataset: Dataset, recipe: str) -> list[str]:
    """Returns the flag that people's own few videos need: a batch has at most those that train."""
    if kind not in ("folder", "csv"):
        return []
    fields = recipes.DATASETS.get(recipe, {})
    fraction = fields.get("data.val_fraction", DataSettings.val_fraction)
    try:
        videos = training_videos(dataset, fraction)
    except InputError:  # none can be held out, which `of_validation` says
        return []
    enough = videos >= fields.get("train.batch_size", TrainSettings.batch_size)
    return [] if enough else [f"--config.train.batch_size={videos}"]


if __name__ == "__main__":
    run_command(main)
