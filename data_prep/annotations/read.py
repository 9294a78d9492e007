"""Which dataset is read by what."""

import re
from collections.abc import Callable
from pathlib import Path

from data_prep.annotations.types import Dataset
from data_prep.annotations.ucf101 import read_ucf101
from vidkd_jax.errors import InputError, suggest

Reader = Callable[[str, Path, Path, int], Dataset]
# Per dataset: its reader and how many official splits (or folds of our own) it has.
DATASETS: dict[str, tuple[Reader, int]] = {
    "ucf101": (read_ucf101, 3),
    "marionette": (read_ucf101, 3),
}


def read_dataset(
    dataset: str, annotations: Path, videos: Path, *, split: int = 1, name: str | None = None
) -> Dataset:
    """Reads the lists of a dataset and finds its videos.

    Args:
      dataset: A key of `DATASETS`: the format of the lists.
      annotations: The folder of the lists, or the list.
      videos: The folder of the videos.
      split: Which of the official splits, from 1.
      name: Of the result; None: as `dataset`.

    Raises:
      InputError: Anything that is wrong with the lists, as one line that names the place.
    """
    if dataset not in DATASETS:
        raise InputError(f"--dataset={dataset} is unknown{suggest(dataset, DATASETS)}")
    name = name or dataset
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(f"--name={name}: use small letters, digits and _, a letter first")
    reader, num_splits = DATASETS[dataset]
    if not 1 <= split <= num_splits:
        raise InputError(f"--split={split}: {dataset} has splits 1 to {num_splits}")
    return reader(name, annotations, videos, split)
