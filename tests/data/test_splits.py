import dataclasses
from collections import Counter
from types import SimpleNamespace

import pytest

from vidkd_jax.data import load_splits
from vidkd_jax.data.groups import folds_of_groups, held_out_groups
from vidkd_jax.data.splits import balanced_subset
from vidkd_jax.errors import InputError


def crossed(memory_dataset, num_groups=10, num_classes=4):
    groups = [f"g{g:02d}" for g in range(num_groups) for _ in range(num_classes)]
    return memory_dataset([20] * len(groups), num_classes=num_classes, groups=groups)


def load(datasets, **options):
    options = {"val": "groups", "val_fraction": 0.2, "fraction": 1.0, **options}
    return load_splits(datasets.__getitem__, **options)


def test_validation_holds_out_whole_groups(memory_dataset):
    datasets = {"train": crossed(memory_dataset), "test": memory_dataset([20, 20])}
    splits = load(datasets)
    train, val = ({v.group for v in s.videos} for s in (splits.train, splits.val))
    assert len(val) == 2 and not train & val and len(train | val) == 10
    assert len(splits.train.videos) == 32 and len(splits.val.videos) == 8


def test_groups_that_belong_to_one_class_are_held_out_in_each(memory_dataset):
    groups = [f"{c}_g{g}" for g in range(5) for c in range(3)]
    videos = memory_dataset([20] * 15, num_classes=3, groups=groups).videos
    held_out = held_out_groups(videos, 0.2)
    assert Counter(v.label for v in videos if v.group in held_out) == {0: 1, 1: 1, 2: 1}


def test_a_group_of_much_of_a_class_trains():
    """As in HMDB51, where one film can have a third of a class."""
    videos = [SimpleNamespace(label=0, group=f"film{n}") for n in range(10) for _ in range(5)]
    (film,) = held_out_groups(videos, 0.1)
    more = [SimpleNamespace(label=0, group=film)] * 25
    (other,) = held_out_groups(videos + more, 0.1)
    assert other != film
    # Where none is that small, the first one validates all the same, or one with less.
    two = [video for video in videos if video.group in (film, other)]
    assert held_out_groups(two, 0.1) == {film}
    assert held_out_groups(two + more, 0.1) == {other}
    assert held_out_groups([*two, *more, SimpleNamespace(label=0, group="a")], 0.01) == {"a"}


def test_one_group_in_each_class_leaves_none_to_validate(memory_dataset):
    datasets = {name: memory_dataset([20] * 3, num_classes=3) for name in ("train", "test")}
    with pytest.raises(
        InputError, match=r"config\.data\.val: no class has a second training group"
    ):
        load(datasets)


@pytest.mark.parametrize(
    "groups_of",
    [
        # Of each class' two training groups one is shared with the other class, or with a third.
        {0: ("kitchen", "garden"), 1: ("kitchen", "friday")},
        {0: ("kitchen", "garden", "office"), 1: ("kitchen", "thursday"), 2: ("thursday", "office")},
        {0: ("kitchen", "garden"), 1: ("garden", "office"), 2: ("kitchen", "office", "street")},
    ],
)
def test_groups_that_some_classes_share_are_held_out_without_emptying_a_class(
    memory_dataset, groups_of
):
    pairs = [(label, group) for label, groups in groups_of.items() for group in groups]
    # `memory_dataset` deals its labels out in turns.
    longest = max(map(len, groups_of.values()))
    groups = [groups_of[c][i % len(groups_of[c])] for i in range(longest) for c in groups_of]
    train = memory_dataset([20] * len(groups), num_classes=len(groups_of), groups=groups)
    assert {(v.label, v.group) for v in train.videos} == {*pairs}
    splits = load({"train": train, "test": memory_dataset([20] * 3, num_classes=len(groups_of))})
    assert splits.val.videos
    assert {v.label for v in splits.train.videos} == {*groups_of}


@pytest.mark.parametrize(
    ("groups_of", "held_out"),
    [
        # All that class 1 has is shared, and so it stays.
        ({0: ("kitchen", "office"), 1: ("kitchen",)}, {"office"}),
        # Where the common one is held out, all that is left of each class must stay.
        ({0: ("kitchen", "street"), 1: ("kitchen", "office")}, {"kitchen"}),
        # The shared one is the only one of its kind, and so it stays.
        ({0: ("garden", "friday"), 1: ("thursday", "garden")}, {"friday", "thursday"}),
        # Of class 0's own two groups one is held out; the shared one is none of them.
        ({0: ("garden", "kitchen", "street"), 1: ("kitchen",)}, {"garden"}),
    ],
)
def test_which_groups_are_held_out_where_classes_share_some(groups_of, held_out):
    videos = [
        SimpleNamespace(label=label, group=group)
        for label, groups in groups_of.items()
        for group in groups
    ]
    assert held_out_groups(videos, 0.5) == held_out


def test_classes_without_test_videos_are_said(memory_dataset, capsys):
    datasets = {"train": crossed(memory_dataset), "test": memory_dataset([20], num_classes=4)}
    load(datasets)
    assert "classes without test videos: class1, class2, class3" in capsys.readouterr().err


def test_one_class_is_refused(memory_dataset):
    datasets = {name: memory_dataset([20] * 6, num_classes=1) for name in ("train", "test")}
    with pytest.raises(InputError, match=r"data\.name: all videos are of one class, 'class0', and"):
        load(datasets)


def test_split_does_not_depend_on_the_order_of_videos(memory_dataset):
    videos = crossed(memory_dataset).videos
    assert held_out_groups(videos, 0.3) == held_out_groups(videos[::-1], 0.3)


@pytest.mark.parametrize("change", [{"id": "v"}, {"label": 1}, {"num_frames": 19}])
def test_splits_of_other_videos_are_told_apart(memory_dataset, change):
    datasets = {"train": crossed(memory_dataset), "test": memory_dataset([20, 20])}
    before = load(datasets).fingerprint()
    assert load(datasets).fingerprint() == before
    first, *others = datasets["test"].videos
    datasets["test"].videos = [dataclasses.replace(first, **change), *others]
    assert load(datasets).fingerprint() != before


def test_official_validation_split_is_used_when_asked(memory_dataset):
    datasets = {n: memory_dataset([20] * k) for n, k in (("train", 6), ("val", 4), ("test", 2))}
    assert len(load(datasets, val="val").val.videos) == 4
    assert len(load(datasets, val="test").val.videos) == 2
    assert len(load(datasets, val="test").train.videos) == 6


def test_fraction_is_balanced_over_classes(memory_dataset):
    videos = memory_dataset([20] * 40, num_classes=4).videos
    assert Counter(v.label for v in balanced_subset(videos, 0.2)) == dict.fromkeys(range(4), 2)
    hardly_one = Counter(v.label for v in balanced_subset(videos, 0.01))  # of 10 each
    assert hardly_one == dict.fromkeys(range(4), 1)
    nearly_three = Counter(v.label for v in balanced_subset(videos, 0.28))
    assert nearly_three == dict.fromkeys(range(4), 3)
    smaller = {v.id for v in balanced_subset(videos, 0.2)}
    assert smaller <= {v.id for v in balanced_subset(videos, 0.5)}  # nested, for learning curves
    other = {v.id for v in balanced_subset(videos, 0.2, seed=1)}
    assert other != smaller
    assert other <= {v.id for v in balanced_subset(videos, 0.5, seed=1)}


def test_folds_deal_out_the_training_groups_whatever_validates(memory_dataset):
    datasets = {"train": crossed(memory_dataset), "test": memory_dataset([20, 20])}
    whole = load(datasets, folds=3)
    left_out = []
    for fold in (1, 2, 3):
        splits = load(datasets, folds=3, fold=fold)
        assert splits.val.videos == whole.val.videos and splits.folds == whole.folds
        kept = {v.group for v in splits.train.videos}
        left_out.append({v.group for v in whole.train.videos} - kept)
        assert {whole.folds[group] for group in left_out[-1]} == {fold}
    assert sorted(map(len, left_out)) == [2, 3, 3]  # of the 8 groups that do not validate
    other = load(datasets, folds=3, val="test")
    assert other.folds == whole.folds and Counter(other.folds.values()) == {1: 4, 2: 3, 3: 3}
    assert load(datasets).folds == {}


def test_cross_validation_has_every_training_group_once(memory_dataset):
    datasets = {"train": crossed(memory_dataset), "test": memory_dataset([20, 20])}
    validated: list[str] = []
    for fold in (1, 2, 3):
        splits = load(datasets, folds=3, fold=fold, val="fold")
        left_out = {video.group for video in splits.val.videos}
        assert {splits.folds[group] for group in left_out} == {fold}
        assert left_out.isdisjoint(video.group for video in splits.train.videos)
        assert len(splits.val.videos) + len(splits.train.videos) == len(datasets["train"].videos)
        validated += left_out
    assert sorted(validated) == sorted(splits.folds)


def test_folds_of_groups_of_one_class_each_have_every_class(memory_dataset):
    groups = [f"{c}_g{g}" for g in range(4) for c in range(3)]
    videos = memory_dataset([20] * 12, num_classes=3, groups=groups).videos
    folds = folds_of_groups(videos, 2)
    assert Counter((v.label, folds[v.group]) for v in videos) == dict.fromkeys(
        [(label, fold) for label in range(3) for fold in (1, 2)], 2
    )
    assert folds == folds_of_groups(videos[::-1], 2)


def test_more_folds_than_groups_are_refused(memory_dataset):
    with pytest.raises(InputError, match=r"data\.folds: 11 of 10 training groups"):
        folds_of_groups(crossed(memory_dataset).videos, 11)


def test_a_single_group_cannot_be_split(memory_dataset):
    datasets = {"train": memory_dataset([20] * 4, groups=["a"] * 4), "test": memory_dataset([20])}
    with pytest.raises(InputError, match=r"data\.val"):
        load(datasets)


def test_class_without_training_videos_is_named(memory_dataset):
    train = crossed(memory_dataset)
    train.class_names += ("Juggling",)
    with pytest.raises(InputError, match=r"1 of 5 classes .* such as 'Juggling'"):
        load({"train": train, "test": memory_dataset([20])})


def test_class_without_validation_videos_is_told(memory_dataset, capsys):
    datasets = {n: memory_dataset([20] * k) for n, k in (("train", 6), ("val", 1), ("test", 2))}
    load(datasets, val="val")
    assert "classes without validation videos: class1" in capsys.readouterr().err


def test_empty_split_is_named(memory_dataset):
    with pytest.raises(InputError, match="test split has no videos"):
        load({"train": crossed(memory_dataset), "test": memory_dataset([])})
