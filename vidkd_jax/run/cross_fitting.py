"""Cross-fitted teachers: each video is taught by a network that has not been trained on it.

A teacher is nearly always right on videos that trained it, and its soft targets say little more
than their labels. Several networks, each trained without one fold of the groups, answer together
for all videos as one network answers for videos that it has never seen.
"""

from collections.abc import Sequence

import numpy as np

from vidkd_jax.data import Splits
from vidkd_jax.data.record_sets import may_be_same
from vidkd_jax.errors import InputError
from vidkd_jax.methods import Shapes
from vidkd_jax.run.trained import Teacher, frozen_source
from vidkd_jax.settings.settings import Settings

_FIELD = "config.teachers.cross_fitted"


def teacher_of_videos(
    settings: Settings, teachers: Sequence[Teacher], splits: Splits, records: str
) -> np.ndarray | None:
    """Returns the number of the teacher of each training video, int32 [videos].

    Args:
      settings: of the run.
      teachers: in the order of `teachers.runs`, which is any order of the folds.
      splits: of the run; they know the fold of each group.
      records: the identity of their videos and lists.

    Returns:
      None where teachers are not cross-fitted.

    Raises:
      InputError: the teachers are not one of each fold of these videos.
    """
    if not settings.teachers.cross_fitted:
        return None
    source, folds = frozen_source(settings.method.teachers), settings.data.folds
    if source is None:
        raise InputError(
            f"{_FIELD}: method '{settings.method_name}' takes no trained teacher; leave it False"
        )
    if source.reads_features:
        raise InputError(
            f"{_FIELD}: method '{settings.method_name}' compares features, which mean something "
            "else in each of the teachers; use a method of answers, or one teacher"
        )
    if source.weights:
        raise InputError(
            "config.method.teacher_weights: cross-fitted teachers are one teacher; leave it ()"
        )
    if any(teacher.card.selected_on == "fold" for teacher in teachers):
        raise InputError(
            f"{_FIELD}: a teacher's best epoch was chosen by the videos that it is to teach "
            "(data.val='fold'); train the teachers with data.val='groups'"
        )
    found = [(teacher.card.folds, teacher.card.fold) for teacher in teachers]
    if sorted(found) != [(folds, fold) for fold in range(1, folds + 1)]:
        said = ", ".join(f"fold {fold} of {count}" for count, fold in found)
        raise InputError(
            f"{_FIELD}: with data.folds={folds}, the teachers are to have been trained with "
            f"data.fold=1 to {folds}, one each; theirs are: {said or 'none'}"
        )
    for teacher in teachers:
        card = teacher.card
        if card.dataset != settings.data.name or not may_be_same(card.records, records):
            raise InputError(
                f"{_FIELD}: '{teacher.folder}' was trained on other records than data.name="
                f"'{settings.data.name}' here, so its folds are others; use one of these"
            )
    number = {fold: place for place, (_, fold) in enumerate(found)}
    return np.asarray(
        [number[splits.folds[video.group]] for video in splits.train.videos], np.int32
    )


def as_one(shapes: tuple[Shapes, ...]) -> tuple[Shapes, ...]:
    """Returns the shapes of the outputs of all teachers, as of one.

    Raises:
      InputError: they differ.
    """
    if any(dict(other) != dict(shapes[0]) for other in shapes):
        raise InputError(
            f"{_FIELD}: the teachers' outputs have different shapes; use networks of one kind"
        )
    return shapes[:1]
