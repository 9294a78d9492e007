"""The test split of lists that have none."""

import random
from collections import Counter

import numpy as np
import pytest

from vidkd_jax.annotations.folds import NUM_FOLDS, assign_fold
from vidkd_jax.annotations.types import Listed
from vidkd_jax.errors import InputError

FOLDS = range(1, NUM_FOLDS + 1)


def listed(groups):
    """Returns two videos of each (label, group)."""
    return [
        Listed(f"{label}/{group}/{n}", (), label, group, "", "list:1")
        for label, group in groups
        for n in range(2)
    ]


def share_of_test(videos):
    return np.mean([video.split == "test" for video in videos])


def test_groups_of_one_class_take_turns_over_the_folds():
    videos = listed([(label, f"{label}_{n}") for label in range(3) for n in range(10)])
    tested = Counter()
    for fold in FOLDS:
        found = assign_fold(videos, "abc", fold)
        assert [share_of_test(v for v in found if v.label == label) for label in range(3)] == [
            0.2
        ] * 3
        tested.update({v.group for v in found if v.split == "test"})
    assert set(tested.values()) == {1} and len(tested) == 30


def test_a_class_of_few_groups_is_in_every_test():
    videos = listed([(label, f"{label}_{n}") for label in range(2) for n in range(3)])
    for fold in FOLDS:
        found = assign_fold(videos, "ab", fold)
        assert {(v.label, v.split) for v in found} == {
            (label, split) for label in (0, 1) for split in ("train", "test")
        }


@pytest.mark.parametrize(
    ("classes", "recordings", "each"), [(10, 30, 3), (10, 20, 5), (50, 100, 5)]
)
def test_recordings_of_several_classes_leave_most_to_train(classes, recordings, each):
    """Of every class there is something to train on and to test on, in every fold."""
    for seed in range(5):
        draw = random.Random(seed)
        pairs = [
            (label, f"{seed}_{recording}")
            for recording in range(recordings)
            for label in draw.sample(range(classes), each)
        ]
        names = [str(label) for label in range(classes)]
        for fold in FOLDS:
            found = assign_fold(listed(pairs), names, fold)
            assert 0.14 < share_of_test(found) < 0.28
            by_class = [share_of_test(v for v in found if v.label == c) for c in range(classes)]
            assert min(by_class) > 0 and max(by_class) <= 0.75


def test_classes_that_share_all_their_groups_are_refused_where_they_have_one():
    with pytest.raises(InputError, match="list:1: class 'b' has only one video or group"):
        assign_fold(listed([(0, "x"), (0, "y"), (1, "x")]), "ab", 1)


def test_no_split_is_made_where_a_class_cannot_be_tested():
    """Three classes of two recordings each, in a circle: two of them would train in one alone."""
    circle = listed([(0, "x"), (0, "y"), (1, "y"), (1, "z"), (2, "z"), (2, "x")])
    with pytest.raises(InputError, match=r"because it shares its groups with other classes"):
        for fold in FOLDS:
            assign_fold(circle, "abc", fold)
