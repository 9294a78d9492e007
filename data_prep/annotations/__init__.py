"""Reads the lists of a dataset, as its authors distribute them, into one `Dataset`."""

from data_prep.annotations.read import DATASETS, read_dataset
from data_prep.annotations.types import SPLITS, Dataset, Entry

__all__ = ["DATASETS", "SPLITS", "Dataset", "Entry", "read_dataset"]
