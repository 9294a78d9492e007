"""UTD-MHAD: names, people and protocol; real people where the videos are on the machine."""

from collections import Counter
from pathlib import Path

import pytest
from list_files import touch

from vidkd_jax.annotations import read_dataset
from vidkd_jax.errors import InputError
from vidkd_jax.settings.config import read
from vidkd_jax.settings.recipes import build

REAL = Path(__file__).parents[3] / "shared/utd_mhad/videos"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real videos are not on this machine")
def test_all_official_videos_are_found():
    dataset = read_dataset("utd_mhad", None, REAL)
    assert all(entry.path.is_file() for entry in dataset.entries)
    assert Counter(entry.split for entry in dataset.entries) == {"train": 431, "test": 430}
    assert len(dataset.class_names) == 27
    assert min(Counter(entry.label for entry in dataset.entries).values()) == 31


@pytest.mark.parametrize(
    "name", ["a{}_s{}_t1_color.avi", "a{}_s{}_t1_depth.mp4", "A/a{}_S{}_t1_color.avi"]
)
def test_odd_subjects_train_and_even_ones_test(tmp_path, name):
    names = [name.format(action, subject) for action in (1, 27) for subject in (1, 2, 3)]
    dataset = read_dataset("utd_mhad", None, touch(tmp_path, *names))
    found = [entry for entry in dataset.entries if entry.path.is_file()]
    assert len(found) == 6
    assert {(e.id, e.split, e.group, dataset.class_names[e.label]) for e in found} == {
        (f"a{a}_s{s}_t1", "test" if s == 2 else "train", f"s{s}", label)
        for a, label in ((1, "swipe left"), (27, "squat"))
        for s in (1, 2, 3)
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a1_s1_t1_color.avi", "a1_s2_t1_depth.mp4"], "holds colour and depth videos"),
        (["a1_s1_t1_skeleton.mat", "holiday.mp4"], "holds no video named as a1_s1_t1_color.avi"),
    ],
)
def test_a_folder_of_two_cameras_or_of_none_is_refused(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        read_dataset("utd_mhad", None, touch(tmp_path, *names))


def test_its_recipe_never_mirrors():
    """A swipe to the left would be one to the right."""
    for name in ("ty_r18", "supervised_r18"):
        settings = read(build(name, "utd_mhad", method__name="supervised"))
        assert settings.augment.flip == 0
        assert settings.data.name == "utd_mhad"
