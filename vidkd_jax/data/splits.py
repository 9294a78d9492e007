"""Chooses the videos for training, for validation and for testing."""

import dataclasses
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol

from vidkd_jax.data.videos import Video, VideoDataset
from vidkd_jax.errors import InputError


class Grouped(Protocol):
    """A video of a class and of a group."""

    @property
    def label(self) -> int:
        """The number of its class."""

    @property
    def group(self) -> str:
        """The name of its group."""


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some videos of a data set."""

    dataset: VideoDataset
    videos: Sequence[Video]


@dataclasses.dataclass(frozen=True)
class Splits:
    """The three subsets of a run.

    Attributes:
      train: The training videos.
      val: The validation videos.
      test: The test videos.
      class_names: Class names, indexed by label.
      groups: How the groups of all videos are known; see `VideoDataset`.
      folds: The fold of each training group, from 1; empty without folds.
    """

    train: Subset
    val: Subset
    test: Subset
    class_names: Sequence[str]
    groups: Mapping[str, int]
    folds: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def fingerprint(self) -> str:
        """Returns a text of all videos in order: training, validation, test.

        Where one subset ends and the next begins is not in it: the settings say that.
        """
        subsets = (self.train, self.val, self.test)
        return repr([(v.id, v.label, v.num_frames) for s in subsets for v in s.videos])

    def digest(self) -> str:
        """Returns a hash of `fingerprint`."""
        return hashlib.sha256(self.fingerprint().encode()).hexdigest()[:16]


def load_splits(
    open_split: Callable[[str], VideoDataset],
    *,
    val: str,
    val_fraction: float,
    fraction: float,
    subset_seed: int = 0,
    folds: int = 0,
    fold: int = 0,
) -> Splits:
    """Opens the splits of a data set.

    Args:
      open_split: Opens a split by name: "train", "val" or "test".
      val: Where validation videos come from: "groups" holds out whole groups of the training split,
        "fold" those of the fold; "val" or "test" uses the split of that name.
      val_fraction: Fraction of the training groups that is held out.
      fraction: Fraction of the training videos of each class that is used.
      subset_seed: Which of them, where they are a fraction.
      folds: Number of folds that the training groups are dealt out to; 0 means none.
      fold: The one whose groups are left out of training; 0 means that all train.

    Raises:
      InputError: A split is empty, a class has no training video, or there are too few groups to
        hold any out.
    """
    train = open_split("train")
    test = open_split("test")
    videos = list(train.videos)
    fold_of = folds_of_groups(videos, folds) if folds else {}
    left_out = {group for group, number in fold_of.items() if number == fold}
    if val in ("groups", "fold"):
        held_out = left_out if val == "fold" else held_out_groups(videos, val_fraction)
        validation = Subset(train, [video for video in videos if video.group in held_out])
        videos = [video for video in videos if video.group not in held_out]
    else:
        source = test if val == "test" else open_split(val)
        validation = Subset(source, list(source.videos))
    videos = [video for video in videos if video.group not in left_out]
    splits = Splits(
        train=Subset(train, balanced_subset(videos, fraction, subset_seed)),
        val=validation,
        test=Subset(test, list(test.videos)),
        class_names=train.class_names,
        groups=train.groups,
        folds=fold_of,
    )
    for name in ("train", "val", "test"):
        if not getattr(splits, name).videos:
            raise InputError(
                f"the {name} split has no videos; check the lists and data.val_fraction"
            )
    _check_classes(splits)
    return splits


def _check_classes(splits: Splits) -> None:
    """Raises InputError for classes without training videos; prints those that are not judged."""
    if len(splits.class_names) == 1:
        raise InputError(
            f"config.data.name: all videos are of one class, '{splits.class_names[0]}', and a "
            "network must have at least two to tell apart; give each class its folder or label, "
            "and make the records again"
        )
    names = splits.class_names
    if missing := classes_without(splits.train.videos, names):
        raise InputError(
            f"{len(missing)} of {len(names)} classes have no training video, such as "
            f"'{missing[0]}'; give them some, leave the classes out, or hold out fewer groups "
            "(data.val_fraction, data.folds)"
        )
    for what, subset in (("validation", splits.val), ("test", splits.test)):
        if missing := classes_without(subset.videos, names):
            print(f"classes without {what} videos: {', '.join(missing)}", file=sys.stderr)


def classes_without(videos: Iterable[Grouped], class_names: Sequence[str]) -> list[str]:
    """Returns the names of the classes of which there is no video."""
    present = {video.label for video in videos}
    return [name for label, name in enumerate(class_names) if label not in present]


def _rank(name: str) -> str:
    """Returns a sort key that puts names in a fixed pseudo-random order.

    The order is the same for every machine, process and seed.
    """
    return hashlib.sha256(name.encode()).hexdigest()


def held_out_groups(videos: Sequence[Grouped], fraction: float) -> set[str]:
    """Returns the groups for validation: a fixed fraction of the training groups, at least one.

    The choice depends only on the names and sizes of the groups, so that every run of a study
    validates on the same videos. From groups that belong to one class each (such as the films of
    HMDB51), the fraction is taken class by class, so that every class with at least two groups is
    validated; and from groups that several classes share. A group whose loss would leave a class
    without training is passed over, and one with which more than twice the fraction of a class
    would validate, where another one is left; else those with the least of a class come first.
    Where none of these has a group to spare, all are
    taken together.

    Raises:
      InputError: There are fewer than two groups, or no group can be held out.
    """
    classes = _classes_of_groups(videos)
    strata = _ranked_groups(classes)
    if sum(map(len, strata)) < 2:
        raise InputError(
            "data.val='groups' needs at least two training groups; use data.val='val' or 'test'"
        )
    held = _HeldOut(videos, classes, 2 * fraction)
    for groups in strata:
        held.add(groups, min(max(round(fraction * len(groups)), 1), len(groups) - 1))
    if not held.groups:
        held.add(sorted(classes, key=_rank), max(round(fraction * len(classes)), 1))
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

    def __init__(
        self, videos: Sequence[Grouped], classes: Mapping[str, set[int]], most: float
    ) -> None:
        self.groups: set[str] = set()
        self._classes = classes
        self._left = Counter(label for labels in classes.values() for label in labels)
        self._sizes: dict[str, Counter[int]] = defaultdict(Counter)
        for video in videos:
            self._sizes[video.group][video.label] += 1
        self._most, self._of = most, Counter(video.label for video in videos)
        self._allowed = {label: most * size for label, size in self._of.items()}

    def add(self, groups: Sequence[str], count: int) -> None:
        """Holds out `count` of the groups, in their order, or as many as can be spared."""
        for group in chain(filter(self._is_small, groups), sorted(groups, key=self._excess)):
            if count > 0 and group not in self.groups and self._can_be_spared(group):
                self._take(group)
                count -= 1

    def _is_small(self, group: str) -> bool:
        """Whether no class would have too many videos held out; asked when the group's turn is."""
        return all(size <= self._allowed[label] for label, size in self._sizes[group].items())

    def _excess(self, group: str) -> int:
        """Returns how many times the videos that may be held out of a class the group has."""
        return max(
            int(n / (self._most * self._of[label])) for label, n in self._sizes[group].items()
        )

    def _can_be_spared(self, group: str) -> bool:
        return all(self._left[label] > 1 for label in self._classes[group])

    def _take(self, group: str) -> None:
        self.groups.add(group)
        self._left.subtract(self._classes[group])
        for label, size in self._sizes[group].items():
            self._allowed[label] -= size


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
    return [sorted(strata[key], key=_rank) for key in sorted(strata)]


def balanced_subset(videos: Sequence[Video], fraction: float, seed: int = 0) -> list[Video]:
    """Returns `fraction` of each class's videos (at least one), in order.

    The seed alone determines the choice; the choices of smaller fractions are parts of larger ones.
    """
    if fraction >= 1:
        return list(videos)
    by_class: dict[int, list[Video]] = defaultdict(list)
    for video in videos:
        by_class[video.label].append(video)
    chosen = {
        video.id
        for members in by_class.values()
        for video in sorted(
            members, key=lambda video: _rank(f"{seed}/{video.id}" if seed else video.id)
        )[: max(round(fraction * len(members)), 1)]
    }
    return [video for video in videos if video.id in chosen]
