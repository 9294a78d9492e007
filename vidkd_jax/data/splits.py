"""Chooses the videos for training, for validation and for testing."""

import dataclasses
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from vidkd_jax.annotations.folds import rank
from vidkd_jax.data.groups import Grouped, folds_of_groups, held_out_groups
from vidkd_jax.data.videos import Video, VideoDataset
from vidkd_jax.errors import InputError


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

    def counts(self) -> dict[str, int]:
        """Returns how many videos each subset has, by its name."""
        return {name: len(getattr(self, name).videos) for name in ("train", "val", "test")}

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
    for name, count in splits.counts().items():
        if not count:
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
            members, key=lambda video: rank(f"{seed}/{video.id}" if seed else video.id)
        )[: max(round(fraction * len(members)), 1)]
    }
    return [video for video in videos if video.id in chosen]
