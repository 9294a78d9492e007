"""Computes optical flow: `python -m data_prep.flow --data=data --out=data --algorithm=dis`.

The flow of the records NAME goes to OUT/NAME_flow/splitN. The flow records have the same videos,
splits, index files and numbers of frames, so that the reader of records also reads flow
(`data.modality='flow'`), and frame i of the flow belongs to frame i of the video.
`vidkd_jax.video.flow` describes what is stored.
"""

import argparse
import csv
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simplejpeg

from data_prep.arguments import add_arguments
from data_prep.check import find_records
from data_prep.conversion import Conversion
from data_prep.output import Output
from data_prep.staging import Fingerprint, SkippedVideo, StagedVideo, read_staged, write_staged
from vidkd_jax.annotations import Dataset, Entry
from vidkd_jax.data.record_sets import read_info
from vidkd_jax.data.records import RecordDataset
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.video.flow import ALGORITHMS, MIN_SIDE, encode_flow, flow_fields, flow_method


def main(argv: list[str] | None = None) -> None:
    """Computes the flow of all records below a folder; see `--help`."""
    args = _parse(argv)
    flow_method(args.algorithm)  # raises before anything is written, if a package is missing
    infos = {folder: read_info(folder) for folder in find_records(args.data)}
    sources = {folder: info for folder, info in infos.items() if info["modality"] == "rgb"}
    if not sources:
        raise InputError(
            f"--data={args.data}: holds only flow records; give the records of the videos"
        )
    for folder, info in sources.items():
        if info["short_side"] < MIN_SIDE:
            raise InputError(
                f"{folder}: frames with a short side of {info['short_side']} pixels are too small "
                f"for flow; build the records with --short_side={MIN_SIDE} or more"
            )
        _conversion(folder, info, args).run(workers=args.workers, max_skipped=args.max_skipped)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m data_prep.flow", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder with records below it")
    parser.add_argument("--out", required=True, type=Path, help="flow goes to OUT/NAME_flow/splitN")
    parser.add_argument(
        "--algorithm", required=True, choices=ALGORITHMS, help="dis is fast; tvl1 is what MARS used"
    )
    add_arguments(parser)
    return parser.parse_args(argv)


@dataclass(frozen=True)
class _FlowTask:
    """One video whose flow is to be computed, and where to put the flow.

    `index` is the position of the video in its split.
    """

    folder: Path
    split: str
    index: int
    original: Mapping[str, float]  # fps, height and width of the video
    target: Path
    algorithm: str
    quality: int
    fingerprint: Fingerprint


def _conversion(
    folder: Path, info: dict[str, Any], args: argparse.Namespace
) -> Conversion[_FlowTask]:
    """Returns the conversion of the records in `folder` to flow records."""
    kept = ("dataset", "split", "short_side", "lists", "class_names")
    settings = {
        "name": f"{info['name']}_flow",
        **{field: info[field] for field in kept},
        "videos": info.get("videos", ""),  # older records lack this field, and the next ones
        "fps": info["fps"],
        "keep_damaged": info.get("keep_damaged", False),
        "groups": info["groups"],
        "source": {field: info.get(field) for field in ("counts", "skipped", "quality")},
        "quality": args.quality,
        "frames_per_record": args.frames_per_record,
        "modality": "flow",
        "algorithm": args.algorithm,
    }
    output = Output(args.out, settings["name"], info["split"])
    sources = _sources(folder, info["counts"])
    fingerprint: Fingerprint = {
        "source": str(folder.absolute()),
        "mtime_ns": (folder / "dataset.json").stat().st_mtime_ns,
        "algorithm": args.algorithm,
        "quality": args.quality,
    }

    def make_task(entry: Entry, target: Path) -> _FlowTask:
        return _FlowTask(
            folder, entry.split, *sources[entry], target, args.algorithm, args.quality, fingerprint
        )

    return Conversion(
        Dataset(output.name, tuple(info["class_names"]), tuple(sources)),
        output,
        settings,
        make_task,
        _stage_flow,
        missing=info["skipped"],
    )


def _sources(folder: Path, splits: Iterable[str]) -> dict[Entry, tuple[int, Mapping[str, float]]]:
    """Returns, for each video in record order, its index in the split and its original properties.

    The properties are fps, height and width (pixels) of the video file.
    """
    sources: dict[Entry, tuple[int, Mapping[str, float]]] = {}
    for split in splits:
        videos = RecordDataset(folder, split).videos
        # The frame rates come from the index, which is exact; the records hold float32.
        originals = _read_originals(folder / f"videos-{split}.csv")
        for video, original in zip(videos, originals, strict=True):
            entry = Entry(video.id, folder, video.label, video.group, split)
            sources[entry] = (video.index, original)
    return sources


def _read_originals(path: Path) -> list[Mapping[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {"fps": float(row["fps"]), "height": int(row["height"]), "width": int(row["width"])}
                for row in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"'{path}' cannot be read ({type(error).__name__} {error}); delete the records and run "
            "data_prep.build again"
        ) from error


def _stage_flow(task: _FlowTask) -> StagedVideo | SkippedVideo:
    """Computes the flow of one video, or returns the staging file of an earlier run."""
    try:
        return read_staged(task.target, task.fingerprint) or _compute(task)
    except (InputError, ValueError) as error:  # a damaged record, or a damaged JPEG
        return SkippedVideo(task.folder, f"{task.split} video {task.index}: {error}")


def _compute(task: _FlowTask) -> StagedVideo:
    """Decodes the frames, computes, encodes and writes their flow; holds two frames at a time."""
    jpegs = _open(task.folder, task.split).encoded(task.index)
    height, width, *_ = simplejpeg.decode_jpeg_header(jpegs[0])
    described = {**task.original, "stored_height": height, "stored_width": width}

    def fields() -> Iterator[bytes]:
        frames = (simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[..., 0] for jpeg in jpegs)
        for field in flow_fields(frames, flow_method(task.algorithm)):
            yield encode_flow(field, quality=task.quality)

    return write_staged(task.target, task.fingerprint, fields(), lambda: described)


@functools.cache
def _open(folder: Path, split: str) -> RecordDataset:
    """Opens a split, once per process."""
    return RecordDataset(folder, split)


if __name__ == "__main__":
    run_command(main)
