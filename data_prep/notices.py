"""What a person should know of the videos that were converted."""

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
import simplejpeg

from data_prep.output import Converted
from vidkd_jax.annotations import Dataset
from vidkd_jax.data.groups import held_out_groups
from vidkd_jax.data.splits import classes_without
from vidkd_jax.errors import InputError, first_of
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings.settings import DataSettings
from vidkd_jax.video.rate import describe_rates

_SHOWN = 20  # names in a line
_SIDE = 16  # of the thumbnails that are compared, in pixels
# Largest mean difference of two thumbnails of one recording, by the standard deviation of one. On
# UTD-MHAD, where one depth camera saw everybody in one room, two takes of a person differ by 0.02
# and the most similar ones of two people by 0.045 (medians).
_ALIKE = 0.03
_FLAT = 6.0  # standard deviation of a picture that shows nothing, such as black before a fade


def check_training(dataset: Dataset) -> None:
    """Refuses videos where a class cannot be learnt, before anything is converted.

    Raises:
      InputError: a class has no training video.
    """
    train = [entry for entry in dataset.entries if entry.split == "train"]
    if missing := classes_without(train, dataset.class_names):
        raise InputError(
            f"{dataset.name}: {len(missing)} of {len(dataset.class_names)} classes have no "
            f"training video, such as '{missing[0]}'; give them some, or leave out their videos, "
            "and the classes themselves where a list names them (UCF101's classInd.txt)"
        )


def of_validation(dataset: Dataset) -> Iterator[str]:
    """Yields a line where no group of the training videos can be held out for validation."""
    try:
        training_videos(dataset, DataSettings.val_fraction)
    except InputError:
        yield (
            "no group of training videos can be held out to choose the best epoch on: add a "
            "recording to one of the classes, or give a split val, and build again"
        )


def training_videos(dataset: Dataset, val_fraction: float) -> int:
    """Returns how many videos train when this fraction of the groups is held out for validation.

    Raises:
      InputError: none can be held out.
    """
    train = [entry for entry in dataset.entries if entry.split == "train"]
    if any(entry.split == "val" for entry in dataset.entries):
        return len(train)
    held_out = held_out_groups(train, val_fraction)
    return sum(entry.group not in held_out for entry in train)


def describe(
    splits: Mapping[str, Sequence[Converted]],
    class_names: Sequence[str],
    alike: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """Yields what is odd about the converted videos, a line each.

    Args:
      splits: the videos.
      class_names: by label.
      alike: as of `find_alike`.
    """
    for split in ("train", "test"):
        if missing := classes_without([v.entry for v in splits[split]], class_names):
            yield f"classes without {split} videos: {first_of(missing, _SHOWN)}"
    videos = [converted for part in splits.values() for converted in part]
    damaged = [v for v in videos if v.video.num_damaged]
    if damaged:
        names = [str(v.entry.path) for v in damaged]
        yield f"kept {len(damaged)} damaged videos: {first_of(names, _SHOWN)}"
    if said := describe_rates({v.entry.id: v.video.fps for v in videos}):
        yield f"{said}; data_prep.build with --fps stores all videos at one rate"
    if alike:
        (test, train), total = alike[0], len(splits["test"])
        yield (
            f"{len(alike)} of {total} test videos begin with nearly the same picture as a training "
            f"video, or were recorded in the same second, such as '{test}' and '{train}'; if those "
            "are of one recording, the test measures what was trained on: give them one group"
        )


def find_alike(splits: Mapping[str, Sequence[Converted]]) -> list[tuple[str, str]]:
    """Finds test videos without a known group that look like a part of a training recording.

    Returns:
      (id of the test video, id of a training video) of each.
    """
    test = [v for v in splits.get("test", ()) if v.entry.grouped != "given"]
    train = [v for v in splits.get("train", ()) if v.entry.grouped != "given"]
    if not test or not train:
        return []
    by_time = {v.video.created: v for v in train if v.video.created}
    if len(by_time) == 1 and len(train) > 1:
        by_time = {}  # all were written by one program in one second, which says nothing
    with progress_bar(total=len(train) + len(test), desc="comparing pictures", unit="video") as bar:

        def thumbnail_of(video: Converted) -> np.ndarray:
            bar.update()
            return _thumbnail(video)

        nearest = _Nearest([thumbnail_of(video) for video in train])
        found = []
        for video in test:
            other, near = by_time.get(video.video.created), nearest.to(thumbnail_of(video))
            if near is not None:
                other = train[near]
            if other is not None:
                found.append((video.entry.id, other.entry.id))
    return found


class _Nearest:
    """Finds the most similar of many thumbnails.

    Two of them differ by no less than their mean grey values do, so that most need no comparison.
    """

    def __init__(self, thumbnails: Sequence[np.ndarray]) -> None:
        every = np.stack(thumbnails)
        means = every.mean(axis=1)
        self._order = np.argsort(means, kind="stable")
        self._every, self._means = every[self._order], means[self._order]

    def to(self, thumbnail: np.ndarray) -> int | None:
        """Returns the place of the one that is most similar; None: none is similar enough."""
        spread, mean = thumbnail.std(), thumbnail.mean()
        if spread <= _FLAT:
            return None
        most = _ALIKE * spread
        first, end = np.searchsorted(self._means, (mean - 1.01 * most, mean + 1.01 * most))
        if first == end:
            return None
        distances = np.abs(self._every[first:end] - thumbnail).mean(axis=1)
        nearest = int(distances.argmin())
        return int(self._order[first + nearest]) if distances[nearest] < most else None


def _thumbnail(converted: Converted) -> np.ndarray:
    """Returns the first frame, small and grey, float32 [pixels]."""
    (jpeg,) = next(converted.video.runs(1)).read()
    grey = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[..., 0]
    return cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
