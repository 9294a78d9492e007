"""Reads the lists of a dataset, as its authors distribute them, into one `Dataset`."""

from vidkd_jax.annotations.read import DATASETS, WITHOUT_LISTS, read_dataset
from vidkd_jax.annotations.types import SPLITS, Dataset, Entry

__all__ = ["DATASETS", "SPLITS", "WITHOUT_LISTS", "Dataset", "Entry", "read_dataset"]
