"""Reads what data_prep.build wrote."""

import csv

import tensorflow_datasets as tfds

from data_prep import build


def build_squares(videos, out, **flags):
    """Builds the records of the fixture `square_videos`; returns `out`."""
    flags |= {"dataset": "ucf101", "out": out, "short_side": 36}
    flags |= {name: videos / name for name in ("videos", "annotations")}
    build.main([f"--{name}={value}" for name, value in flags.items()])
    return out


def records(out, name, split):
    folder = out / name / "split1/1.0.0"
    return list(tfds.builder_from_directory(folder).as_data_source(split))


def index(out, name, split):
    with (out / name / f"split1/1.0.0/videos-{split}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def skipped(out):
    with (out / "skipped.csv").open(newline="") as file:
        return {row["id"]: row["cause"] for row in csv.DictReader(file)}


def content(folder):
    """Returns the bytes of every finished file by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make_csv(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
