"""A test split for lists that have none: whole groups, every class, the same on any machine."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from data_prep.annotations.types import Listed
from vidkd_jax.errors import InputError

NUM_FOLDS = 5


def assign_fold(listed: Sequence[Listed], fold: int) -> list[Listed]:
    """Puts one fold of the groups of each class into "test", the others into "train".

    Groups are dealt out in the order of a hash of their names, so that neighbours in the alphabet
    (one recording session) do not share a fold. A group that several classes share is dealt once.

    Args:
      listed: The videos.
      fold: Which fold is the test split, 1 to `NUM_FOLDS`.

    Raises:
      InputError: A class has a single group: nothing to test on would be left.
    """
    test: dict[str, bool] = {}
    for label in sorted({line.label for line in listed}):
        lines = [line for line in listed if line.label == label]
        groups = sorted({line.group for line in lines}, key=_hash)
        if len(groups) < 2:
            raise InputError(
                f"{lines[0].where}: the only video or group of its class; "
                "at least two are needed, one to train and one to test on"
            )
        fresh = [group for group in groups if group not in test]
        num_folds = min(NUM_FOLDS, max(2, len(fresh)))
        for position, group in enumerate(fresh):
            test[group] = position % num_folds == (fold - 1) % num_folds
    return [replace(line, split="test" if test[line.group] else "train") for line in listed]


def _hash(group: str) -> bytes:
    return hashlib.sha256(group.encode()).digest()
