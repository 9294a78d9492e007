"""Divides the training videos by their groups: those that validate, and folds."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Protocol

from vidkd_jax.annotations.folds import rank
from vidkd_jax.errors import InputError


class Grouped(Protocol):
    """A video of a class and of a group."""

    @property
    def label(self) -> int:
        """The number of its class."""

    @property
    def group(self) -> str:
        """The name of its group."""


def held_out_groups(videos: Sequence[Grouped], fraction: float) -> set[str]:
    """Returns the groups for validation: a fixed fraction of the training groups, at least one.

    The choice depends only on the names and sizes of the groups, so that every run of a study
    validates on the same videos. From groups that belong to one class each (such as the films of
    HMDB51), the fraction is taken class by class, so that every class with at least two groups is
    validated; and from groups that several classes share. A group whose loss would leave a class
    without training is passed over, and one with which more than twice the fraction of a class
    would validate, where another one is left; else those with the least of a class come first.
    Where none of these has a group to spare, all are taken together.

    Raises:
      InputError: There are fewer than two groups, or no group can be held out.
    """
    classes = _classes_of_groups(videos)
    strata = _ranked_groups(classes)
    if sum(map(len, strata)) < 2:
        raise InputError(
            "data.val='groups' needs at least two training groups; use data.val='val' or 'test'"
        )
    held = _HeldOut(videos, 2 * fraction)
    for groups in strata:
        held.add(groups, min(max(round(fraction * len(groups)), 1), len(groups) - 1))
    if not held.groups:
        held.add(sorted(classes, key=rank), max(round(fraction * len(classes)), 1))
    if not held.groups:
        raise InputError(
            "config.data.val: no class has a second training group that could be held out for "
            "validation; add videos, or use a split of your lists (data.val='val')"
        )
    return held.groups


class _HeldOut:
    """Groups that validate, and what each class still has.

    Attributes:
      groups: their names.
    """

    def __init__(self, videos: Sequence[Grouped], most: float) -> None:
        self.groups: set[str] = set()
        self._sizes: dict[str, Counter[int]] = defaultdict(Counter)  # of a group, by class
        for video in videos:
            self._sizes[video.group][video.label] += 1
        sizes = Counter(video.label for video in videos)
        self._most = {label: most * size for label, size in sizes.items()}
        self._held: Counter[int] = Counter()  # videos of a class
        self._left = Counter(label for labels in self._sizes.values() for label in labels)

    def add(self, groups: Sequence[str], count: int) -> None:
        """Holds out `count` of the groups, or as many as can be spared, the small ones first."""
        for group in chain(filter(self._is_small, groups), sorted(groups, key=self._excess)):
            if count > 0 and group not in self.groups and self._can_be_spared(group):
                self._take(group)
                count -= 1

    def _is_small(self, group: str) -> bool:
        """Whether no class would have too many videos held out; asked when the group's turn is."""
        sizes = self._sizes[group]
        return all(self._held[label] + sizes[label] <= self._most[label] for label in sizes)

    def _excess(self, group: str) -> int:
        """Returns how many times the videos that may be held out of a class the group has."""
        return max(int(size / self._most[label]) for label, size in self._sizes[group].items())

    def _can_be_spared(self, group: str) -> bool:
        return all(self._left[label] > 1 for label in self._sizes[group])

    def _take(self, group: str) -> None:
        self.groups.add(group)
        self._held.update(self._sizes[group])
        self._left.subtract(dict.fromkeys(self._sizes[group], 1))


def folds_of_groups(videos: Sequence[Grouped], folds: int) -> dict[str, int]:
    """Deals the training groups out to folds, 1 to `folds`, of nearly the same number of groups.

    As for validation, the names of the groups alone decide, and groups that belong to one class
    each are dealt out class by class. Groups that validate are dealt out, too, so that runs which
    validate on other videos have the same folds.

    Raises:
      InputError: There are fewer groups than folds.
    """
    dealt = [group for groups in _ranked_groups(_classes_of_groups(videos)) for group in groups]
    if len(dealt) < folds:
        raise InputError(
            f"config.data.folds: {folds} of {len(dealt)} training groups; use fewer folds"
        )
    return {group: place % folds + 1 for place, group in enumerate(dealt)}


def _classes_of_groups(videos: Sequence[Grouped]) -> dict[str, set[int]]:
    """Returns the labels of each group."""
    classes: dict[str, set[int]] = defaultdict(set)
    for video in videos:
        classes[video.group].add(video.label)
    return classes


def _ranked_groups(classes: Mapping[str, set[int]]) -> list[list[str]]:
    """Returns the groups in their fixed pseudo-random order, those of one class each by class.

    Args:
      classes: The labels of each group.
    """
    strata: dict[int, list[str]] = defaultdict(list)
    for group, labels in classes.items():
        strata[min(labels) if len(labels) == 1 else -1].append(group)
    return [sorted(strata[key], key=rank) for key in sorted(strata)]
