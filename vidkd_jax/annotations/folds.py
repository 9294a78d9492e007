"""Makes a test split for lists that have none.

The split never divides a group, covers every class and is the same on every machine.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from vidkd_jax.annotations.types import Listed
from vidkd_jax.errors import InputError

NUM_FOLDS = 5


def assign_fold(listed: Sequence[Listed], class_names: Sequence[str], fold: int) -> list[Listed]:
    """Puts one fold of the groups of each class into "test" and the others into "train".

    Groups are assigned to folds in the order of a hash of their names, so that neighbours in the
    alphabet (often of one recording session) do not all fall into one fold. A group that several
    classes share is assigned once, with the class that has the fewest groups, because the other
    classes have more groups to choose from.

    Args:
      listed: The videos.
      class_names: Class names, indexed by label.
      fold: Which fold is the test split, 1 to `NUM_FOLDS`.

    Raises:
      InputError: A class has only one group, or shares so many groups with other classes that it
        has no video to train on or none to test on.
    """
    by_label: dict[int, list[Listed]] = defaultdict(list)
    for line in listed:
        by_label[line.label].append(line)
    groups = {label: {line.group for line in lines} for label, lines in by_label.items()}
    test: dict[str, bool] = {}
    for label in sorted(groups, key=lambda label: (len(groups[label]), label)):
        if len(groups[label]) < 2:
            raise InputError(
                f"{by_label[label][0].where}: class '{class_names[label]}' has only one video or "
                "group; add another one: one is to train on and one to test on"
            )
        fresh = sorted(groups[label].difference(test), key=_hash)
        num_folds = min(NUM_FOLDS, max(2, len(fresh)))
        for position, group in enumerate(fresh):
            test[group] = position % num_folds == (fold - 1) % num_folds
        if len({test[group] for group in groups[label]}) < 2:
            lacking = "train" if test[min(groups[label])] else "test"
            raise InputError(
                f"{by_label[label][0].where}: class '{class_names[label]}' has no {lacking} video "
                f"in --split={fold}, because it shares its groups with other classes; give each "
                "video a split (a column in the list, or folders), or choose another --split"
            )
    return [replace(line, split="test" if test[line.group] else "train") for line in listed]


def _hash(group: str) -> bytes:
    return hashlib.sha256(group.encode()).digest()
