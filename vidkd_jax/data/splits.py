"""Which videos train, which choose the model, which test."""

import dataclasses
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence

from vidkd_jax.data.videos import Video, VideoDataset
from vidkd_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some videos of a data set."""

    dataset: VideoDataset
    videos: Sequence[Video]


@dataclasses.dataclass(frozen=True)
class Splits:
    """The three subsets of a run."""

    train: Subset
    val: Subset
    test: Subset
    class_names: Sequence[str]

    def fingerprint(self) -> str:
        """Returns a text that says which videos are in which subset, in order."""
        subsets = (self.train, self.val, self.test)
        return repr([(v.id, v.label, v.num_frames) for s in subsets for v in s.videos])


def load_splits(
    open_split: Callable[[str], VideoDataset], *, val: str, val_fraction: float, fraction: float
) -> Splits:
    """Opens the splits of a data set.

    Args:
      open_split: opens a split by name: "train", "val" or "test".
      val: "groups" holds whole groups out of training; "val" or "test" takes that split.
      val_fraction: share of the training groups held out.
      fraction: share of each class' training videos that is used.

    Raises:
      InputError: a split is empty, or there are too few groups to hold any out.
    """
    train = open_split("train")
    test = open_split("test")
    videos = list(train.videos)
    if val == "groups":
        held_out = held_out_groups(videos, val_fraction)
        validation = Subset(train, [video for video in videos if video.group in held_out])
        videos = [video for video in videos if video.group not in held_out]
    else:
        source = test if val == "test" else open_split(val)
        validation = Subset(source, list(source.videos))
    splits = Splits(
        train=Subset(train, balanced_subset(videos, fraction)),
        val=validation,
        test=Subset(test, list(test.videos)),
        class_names=train.class_names,
    )
    for name in ("train", "val", "test"):
        if not getattr(splits, name).videos:
            raise InputError(
                f"the {name} split has no videos: check the lists and data.val_fraction"
            )
    _check_classes(splits)
    return splits


def _check_classes(splits: Splits) -> None:
    """Refuses classes without training videos; tells of those without validation videos."""
    for name, subset in (("train", splits.train), ("val", splits.val)):
        present = {video.label for video in subset.videos}
        missing = [c for label, c in enumerate(splits.class_names) if label not in present]
        if missing and name == "train":
            raise InputError(
                f"{len(missing)} of {len(splits.class_names)} classes have no training video, such "
                f"as '{missing[0]}': take them off the list of classes, or hold out fewer groups "
                "(data.val_fraction)"
            )
        if missing:
            print(f"no validation video of: {', '.join(missing)}", file=sys.stderr)


def _rank(name: str) -> str:
    """A fixed pseudo-random order of names: the same on every machine, process and seed."""
    return hashlib.sha256(name.encode()).hexdigest()


def held_out_groups(videos: Sequence[Video], fraction: float) -> set[str]:
    """Returns the groups that validate: a fixed share (at least one) of the training groups.

    The choice depends on the groups' names only, so that every run of a study validates on the same
    videos. Where groups belong to one class each (a film of HMDB51), the share is taken within each
    class, so that every class with two groups is validated on.
    """
    classes: dict[str, set[int]] = defaultdict(set)
    for video in videos:
        classes[video.group].add(video.label)
    if len(classes) < 2:
        raise InputError(
            "data.val='groups' needs at least two training groups; use data.val='val' or 'test'"
        )
    strata: dict[object, list[str]] = defaultdict(list)
    for group, labels in classes.items():
        strata[min(labels) if len(labels) == 1 else "shared"].append(group)
    held_out: set[str] = set()
    for groups in strata.values():
        count = min(max(round(fraction * len(groups)), 1), len(groups) - 1)
        held_out.update(sorted(groups, key=_rank)[:count])
    if not held_out:
        raise InputError(
            "config.data.val: no class has a second training group that could be held out to "
            "validate; add videos, or use a split of your lists (data.val='val')"
        )
    return held_out


def balanced_subset(videos: Sequence[Video], fraction: float) -> list[Video]:
    """Returns `fraction` of each class' videos (at least one), a fixed choice, in their order."""
    if fraction >= 1:
        return list(videos)
    by_class: dict[int, list[Video]] = defaultdict(list)
    for video in videos:
        by_class[video.label].append(video)
    chosen = {
        video.id
        for members in by_class.values()
        for video in sorted(members, key=lambda video: _rank(video.id))[
            : max(round(fraction * len(members)), 1)
        ]
    }
    return [video for video in videos if video.id in chosen]
