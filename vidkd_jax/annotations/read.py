"""The reader of each list format, and `read_dataset`, which picks one."""

import re
from collections.abc import Callable
from pathlib import Path

from vidkd_jax.annotations.csv_list import read_csv
from vidkd_jax.annotations.folders import read_folder
from vidkd_jax.annotations.folds import NUM_FOLDS
from vidkd_jax.annotations.hmdb51 import read_hmdb51
from vidkd_jax.annotations.kinetics import (
    read_kinetics400,
    read_kinetics600,
    read_mini_kinetics200,
)
from vidkd_jax.annotations.ssv2 import read_ssv2
from vidkd_jax.annotations.types import Dataset
from vidkd_jax.annotations.ucf101 import read_marionette, read_ucf101
from vidkd_jax.annotations.utd_mhad import read_utd_mhad
from vidkd_jax.errors import InputError, suggest

Reader = Callable[[str, Path, Path, int], Dataset]
# Per dataset: its reader, and the number of its official splits (for people's own: of the folds).
DATASETS: dict[str, tuple[Reader, int]] = {
    "csv": (read_csv, NUM_FOLDS),
    "folder": (read_folder, NUM_FOLDS),
    "hmdb51": (read_hmdb51, 3),
    "kinetics400": (read_kinetics400, 1),
    "kinetics600": (read_kinetics600, 1),
    "marionette": (read_marionette, 3),
    "mini_kinetics200": (read_mini_kinetics200, 1),
    "ssv2": (read_ssv2, 1),
    "ucf101": (read_ucf101, 3),
    "utd_mhad": (read_utd_mhad, 1),
}
WITHOUT_LISTS = ("folder", "utd_mhad")


def read_dataset(
    dataset: str, annotations: Path | None, videos: Path, *, split: int = 1, name: str | None = None
) -> Dataset:
    """Reads the lists of a dataset and finds its videos.

    Args:
      dataset: A key of `DATASETS`, which is the format of the lists.
      annotations: The folder of the lists, or the list itself for "csv"; None for "folder" and
        "utd_mhad", which have no lists.
      videos: The folder of the videos.
      split: Number of the official split, from 1.
      name: Name of the result; None means `dataset`.

    Raises:
      InputError: Something is wrong with the lists or the arguments. The message is one line and
        names the place.
    """
    if dataset not in DATASETS:
        raise InputError(f"--dataset={dataset} is unknown{suggest(dataset, DATASETS)}")
    name = name or dataset
    if not re.fullmatch(r"[a-z][a-z0-9_]{,99}", name):
        raise InputError(
            f"--name={name}: use at most 100 lower-case letters, digits and _; start with a letter"
        )
    if (annotations is None) != (dataset in WITHOUT_LISTS):
        raise InputError(
            f"--annotations: leave it out; --dataset={dataset} has no lists"
            if annotations
            else f"--annotations: is missing; --dataset={dataset} needs its lists"
        )
    reader, num_splits = DATASETS[dataset]
    if not 1 <= split <= num_splits:
        raise InputError(f"--split={split}: {dataset} has splits 1 to {num_splits}")
    return reader(name, annotations or videos, videos, split)
