"""Verifies finished records: `python -m data_prep.check --data=DIR [--annotations=LISTS]`.

Reads every record, compares it with its row in the index and decodes every frame. With
--annotations, also compares the records with the lists. With --videos, compares the records of data
sets that have no lists with the folder of the videos. Prints one problem per line, and exits with
status 2 if there is any.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_prep.arguments import add_workers
from data_prep.output import INDEX_COLUMNS
from vidkd_jax.annotations import WITHOUT_LISTS, Dataset, read_dataset
from vidkd_jax.annotations.files import fingerprint
from vidkd_jax.data.record_sets import read_info
from vidkd_jax.data.records import DECODERS, record_starts
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.progress import progress_bar

Row = dict[str, str]


def main(argv: list[str] | None = None) -> None:
    """Checks all records below a folder; see `--help`.

    Raises:
      InputError: There are no records, or something is wrong with them.
    """
    parser = FlagParser(prog="python -m data_prep.check", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder with records below it")
    parser.add_argument(
        "--annotations",
        type=Path,
        help="the --annotations given to data_prep.build",
    )
    parser.add_argument(
        "--videos",
        type=Path,
        help="the --videos given to data_prep.build, for data sets without lists, and where a CSV "
        "list has absolute paths",
    )
    add_workers(parser, "threads")
    args = parser.parse_args(argv)
    num_problems = 0
    for folder in find_records(args.data):
        for problem in check(folder, args.annotations, args.workers, args.videos):
            print(f"{folder}: {problem}")
            num_problems += 1
    if num_problems:
        or_else = ""
        if args.annotations or args.videos:
            or_else = "give the lists and videos that the records were built from, or "
        raise InputError(
            f"--data={args.data}: found {num_problems} problems (listed above); {or_else}delete "
            "each folder that they name and build it again"
        )


def find_records(data: Path) -> list[Path]:
    """Returns the folders of finished records at or below `data`.

    Raises:
      InputError: There are no finished records.
    """
    found = sorted(
        path.parent for path in data.rglob("dataset.json") if ".staging" not in path.parts
    )
    if not found:
        raise InputError(
            f"--data={data}: holds no finished records; make them with data_prep.build"
        )
    return found


def check(
    folder: Path, annotations: Path | None, num_workers: int, videos: Path | None = None
) -> Iterator[str]:
    """Yields each problem of the records in `folder`, then prints how much they hold.

    Args:
      folder: Of the records.
      annotations: The lists to compare with; None: there are none, or nothing is compared.
      num_workers: Threads that read records.
      videos: The folder of the videos; None: that of the lists, as only names matter.

    Raises:
      InputError: The lists cannot be read, are not named, or do not exist for this data set.
    """
    try:
        info = read_info(folder)
        rows = {split: _read_index(folder / f"videos-{split}.csv") for split in info["counts"]}
        builder = tfds.builder_from_directory(folder)
        sources = {split: builder.as_data_source(split) for split in rows}
    except Exception as error:  # TFDS can raise many types of exception
        yield f"cannot be opened: {_one_line(error)}"
        return
    num_frames = 0
    for split, source in sources.items():
        lengths = [int(row["num_frames"]) for row in rows[split]]
        starts = record_starts(lengths, info["frames_per_record"])
        yield from _check_counts(split, info["counts"][split], starts, len(source))
        for row, problems in _check_videos(source, rows[split], starts, info, num_workers):
            yield from (f"{split}: {row['id']}: {problem}" for problem in problems)
        num_frames += sum(lengths)
    if annotations is not None or videos is not None:
        yield from _check_lists(info, rows, annotations, videos)
    counts = ", ".join(f"{split} {len(part)}" for split, part in rows.items())
    print(f"{folder}: {counts} videos, {num_frames} frames, {info['skipped']} skipped")


def _read_index(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != INDEX_COLUMNS:
            raise ValueError(f"{path.name} should have the columns {', '.join(INDEX_COLUMNS)}")
        rows = list(reader)
    for row in rows:
        if int(row["num_frames"]) < 1:  # int raises if the row is cut off or holds no number
            raise ValueError(f"{path.name}: video '{row['id']}' has {row['num_frames']} frames")
    return rows


def _check_counts(split: str, count: int, starts: Sequence[int], num_records: int) -> Iterator[str]:
    *videos, needed = starts
    if not (count == len(videos) and needed == num_records):
        yield (
            f"{split}: dataset.json counts {count} videos; the index counts {len(videos)} videos "
            f"in {needed} records; the files hold {num_records} records"
        )


def _check_videos(
    source: Sequence[Any],
    rows: Sequence[Row],
    starts: Sequence[int],
    info: dict[str, Any],
    num_workers: int,
) -> Iterator[tuple[Row, list[str]]]:
    """Yields (row of the index, list of problems) for each video, in order."""

    def check_one(index: int) -> list[str]:
        numbers = range(starts[index], min(starts[index + 1], len(source)))
        records = (source[number] for number in numbers)
        try:
            return list(dict.fromkeys(_check_video(records, rows[index], info)))
        except Exception as error:  # ArrayRecord, protocol buffers and JPEGs raise different types
            return [f"cannot be read: {_one_line(error)}"]

    with ThreadPoolExecutor(num_workers) as pool:  # reading and decoding release the GIL
        results = pool.map(check_one, range(len(rows)))
        bar = progress_bar(results, desc="checking", total=len(rows), unit="video")
        yield from zip(rows, bar, strict=True)


def _check_video(
    records: Iterable[dict[str, Any]], row: Row, info: dict[str, Any]
) -> Iterator[str]:
    """Yields what is wrong with the records of one video."""
    decode = DECODERS[info["modality"]]
    num_frames, shapes = 0, set()
    for record in records:
        yield from _check_features(record, row, info)
        # Earlier versions wrote one record per video, without "first_frame".
        if record.get("first_frame", 0) != num_frames:
            yield f"has frame {record['first_frame']} where frame {num_frames} should be"
        num_frames += len(record["frames"])
        shapes |= {decode(jpeg).shape for jpeg in record["frames"]}
    if num_frames != int(row["num_frames"]):
        yield f"holds {num_frames} frames instead of {row['num_frames']}"
    if len(shapes) != 1 or min(next(iter(shapes))[:2]) != info["short_side"]:
        yield f"has frames of {sorted(shapes)}; the short side should be {info['short_side']}"


def _check_features(record: dict[str, Any], row: Row, info: dict[str, Any]) -> Iterator[str]:
    parse: dict[str, Callable[[str], Any]] = {
        "label": int,
        "num_frames": int,
        "height": int,
        "width": int,
        "id": str.encode,
        "group": str.encode,
    }
    for field, convert in parse.items():
        if record[field] != convert(row[field]):
            yield f"{field} is {record[field]} in the record, {row[field]} in the index"
    if abs(record["fps"] - float(row["fps"])) > 1e-4 * float(row["fps"]):  # stored as float32
        yield f"fps is {record['fps']} in the record, {row['fps']} in the index"
    if not 0 <= record["label"] < len(info["class_names"]):
        yield f"label {record['label']} is out of range"


def _check_lists(
    info: dict[str, Any], rows: dict[str, list[Row]], annotations: Path | None, videos: Path | None
) -> Iterator[str]:
    """Yields how the records differ from the lists in videos, labels, groups and order."""
    dataset = _listed(info, annotations, videos)
    if fingerprint(dataset) != info["lists"]:
        yield f"{annotations or videos} does not hold the lists that the records were made from"
    for split, part in rows.items():
        entries = [entry for entry in dataset.entries if entry.split == split]
        listed = {entry.id: (position, entry) for position, entry in enumerate(entries)}
        last = -1
        for row in part:
            position, entry = listed.get(row["id"], (last, None))
            if entry is None:
                yield f"{split}: {row['id']}: is not in the list"
            elif (str(entry.label), entry.group) != (row["label"], row["group"]):
                yield f"{split}: {row['id']}: label or group differs from the list"
            elif position <= last:
                yield f"{split}: {row['id']}: is not in the order of the list"
            last = position
    missing = len(dataset.entries) - sum(map(len, rows.values()))
    if missing != info["skipped"]:
        yield f"{missing} listed videos have no record, but {info['skipped']} were skipped"


def _listed(info: dict[str, Any], annotations: Path | None, videos: Path | None) -> Dataset:
    """Returns what the lists have, or the folder of the videos where there are none."""
    name, split = info["dataset"], info["split"]
    if name in WITHOUT_LISTS and (folder := videos or annotations):
        return read_dataset(name, None, folder, split=split)
    if annotations is None:
        raise InputError(
            f"--videos={videos}: compares nothing, as {name} has lists; name them with "
            "--annotations, too, or leave both out"
        )
    with tempfile.TemporaryDirectory() as nothing:  # only names are compared
        return read_dataset(name, annotations, videos or Path(nothing), split=split)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


if __name__ == "__main__":
    run_command(main)
