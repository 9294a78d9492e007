"""Makes a test split for lists that have none.

The split never divides a group, covers every class and is the same on every machine.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vidkd_jax.annotations.types import Listed
from vidkd_jax.errors import InputError

NUM_FOLDS = 5


def rank(name: str) -> str:
    """Returns a sort key that puts names in a fixed pseudo-random order.

    The order is the same for every machine, process and seed.
    """
    return hashlib.sha256(name.encode()).hexdigest()


def assign_fold(listed: Sequence[Listed], class_names: Sequence[str], fold: int) -> list[Listed]:
    """Puts one fold of the groups of each class into "test" and the others into "train".

    Groups are dealt out to folds in the order of their `rank`, so that neighbours in the alphabet
    (often of one recording session) do not all fall into one fold. One that several classes share
    goes to the fold that tests the least of them.

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
    for label, of_label in groups.items():
        if len(of_label) < 2:
            raise InputError(
                f"{by_label[label][0].where}: class '{class_names[label]}' has only one video or "
                "group; add another one: one is to train on and one to test on"
            )
    folds = _Folds(groups).of_groups
    for label, of_label in groups.items():
        tests = {fold in folds[group] for group in of_label}
        if len(tests) < 2:
            lacking = "train" if tests == {True} else "test"
            raise InputError(
                f"{by_label[label][0].where}: class '{class_names[label]}' has no {lacking} video "
                f"in --split={fold}, because it shares its groups with other classes; give each "
                "video a split (a column in the list, or folders), or choose another --split"
            )
    return [
        replace(line, split="test" if fold in folds[line.group] else "train") for line in listed
    ]


class _Folds:
    """Deals groups out to folds, so that each class has about as much in each of them.

    Attributes:
      of_groups: of each group the folds in which it tests: one, or several where a class has too
        few groups for one each.
    """

    def __init__(self, groups: Mapping[int, Collection[str]]) -> None:
        self.of_groups: dict[str, frozenset[int]] = {}
        self._groups = groups
        self._labels: dict[str, list[int]] = defaultdict(list)
        for label, of_label in groups.items():
            for group in of_label:
                self._labels[group].append(label)
        self._tested = {label: Counter[int]() for label in groups}  # groups of a class by fold
        for label in sorted(groups, key=lambda label: (len(groups[label]), label)):
            self._deal(label)
        for label in sorted(groups):
            for fold in range(1, NUM_FOLDS + 1):
                if not self._tested[label][fold]:
                    self._test_one(label, fold)

    def _deal(self, label: int) -> None:
        """Gives the groups of a class that have no fold yet one each, or where it has few several.

        Where no group of the class has one, they take turns.
        """
        groups = self._groups[label]
        different = min(NUM_FOLDS, max(2, len(groups)))
        choices = [frozenset(range(1 + n, NUM_FOLDS + 1, different)) for n in range(different)]
        for group in sorted(set(groups).difference(self.of_groups), key=rank):
            shares = [max(self._share(group, fold) for fold in choice) for choice in choices]
            self._add(group, choices[shares.index(min(shares))])

    def _test_one(self, label: int, fold: int) -> None:
        """Lets one more group of a class test in a fold, where none does and one can be spared."""
        ranked = sorted(self._groups[label], key=rank)
        if spared := [group for group in ranked if self._leaves_one_to_train(group, fold)]:
            self._add(min(spared, key=lambda group: self._share(group, fold)), frozenset({fold}))

    def _leaves_one_to_train(self, group: str, fold: int) -> bool:
        """Whether each class of the group has another one that does not test in the fold."""
        return all(
            self._tested[label][fold] + 1 < len(self._groups[label])
            for label in self._labels[group]
        )

    def _share(self, group: str, fold: int) -> float:
        """Returns how much of the group's classes a fold tests already, summed over them."""
        return sum(
            self._tested[label][fold] / len(self._groups[label]) for label in self._labels[group]
        )

    def _add(self, group: str, folds: frozenset[int]) -> None:
        self.of_groups[group] = self.of_groups.get(group, frozenset()) | folds
        for label in self._labels[group]:
            self._tested[label].update(folds)
