"""Reads the lists of a dataset, as its authors distribute them, into one `Dataset`."""

from data_prep.annotations.read import DATASETS, WITHOUT_LISTS, read_dataset
from data_prep.annotations.types import SPLITS, Dataset, Entry

__all__ = ["DATASETS", "SPLITS", "WITHOUT_LISTS", "Dataset", "Entry", "read_dataset"]
