import json
import shlex

import pytest

from vidkd_jax.data import RecordSet
from vidkd_jax.errors import InputError


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("marionette", "--preset=standard --seed=9300 --out"),
        ("marionette_small", "--preset=small"),
        ("marionette_untrimmed", "--preset=untrimmed"),
        ("marionette_long", "--preset=long"),
        ("marionette_scene_bias", "--preset=standard --seed=9300 --scene_bias=0.8 --out"),
        ("marionette_new_scenes", "--preset=standard --seed=9300 --scene_bias=0.8 --unseen_scenes"),
        ("marionette_background", "--preset=standard --seed=9300 --variant=background"),
    ],
)
def test_missing_built_in_records_say_how_to_render_them(tmp_path, name, rendered):
    with pytest.raises(InputError) as error:
        RecordSet(tmp_path, name, split=2, short_side=56).folders()
    assert f"data_prep.marionette {rendered}" in str(error.value)
    assert f"--dataset=marionette --name={name}" in str(error.value)
    assert "--split=2 --short_side=56" in str(error.value)


def test_missing_records_of_other_tasks_say_how_to_make_their_list(tmp_path):
    with pytest.raises(InputError) as error:
        RecordSet(tmp_path, "marionette_scene", split=1, short_side=56).folders()
    said = str(error.value)
    assert "data_prep.marionette --preset=teachers --seed=7100" in said
    assert "data_prep.marionette.tasks --task=scene" in said
    assert "--dataset=csv --name=marionette_scene" in said


def test_a_folder_with_spaces_is_quoted(tmp_path):
    with pytest.raises(InputError) as error:
        RecordSet(tmp_path / "my data", "marionette", split=1, short_side=56).folders()
    command = str(error.value).partition("make the records with ")[2]
    assert f"--out={tmp_path / 'my data'}" in shlex.split(command)


@pytest.mark.parametrize(
    ("made", "identity"),
    [
        ({}, "l-v"),  # older records do not say
        ({"quality": 95, "keep_damaged": False}, "l-v"),
        ({"quality": 20}, "l-v-20"),
        ({"quality": 95, "keep_damaged": True}, "l-v-damaged"),  # more videos of the same lists
        ({"quality": 95, "algorithm": "dis"}, "l-v"),
        ({"quality": 90, "algorithm": "tvl1"}, "l-v-90-tvl1"),
    ],
)
def test_records_that_were_made_in_another_way_are_others(tmp_path, made, identity):
    info = {"name": "a", "dataset": "csv", "split": 1, "short_side": 56, "lists": "l"}
    info |= {"class_names": [], "skipped": 0, "counts": {}, "videos": "v"}
    folder = tmp_path / "a" / "split1" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps({**info, **made}))
    assert RecordSet(tmp_path, "a", split=1, short_side=56).identity() == identity


def test_other_splits_of_the_records_are_named(tmp_path):
    for split in (1, 3):
        folder = tmp_path / f"ucf101/split{split}/1.0.0"
        folder.mkdir(parents=True)
        (folder / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match=r"split2' \(there is split1, split3\): use the built-in"):
        RecordSet(tmp_path, "ucf101", split=2, short_side=128).folders()


def test_another_name_is_suggested_and_not_the_same_one(tmp_path):
    for name in ("ucf101", "ucf"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"split2' \(did you mean 'ucf'\?\): use the built-in"):
        RecordSet(tmp_path, "ucf101", split=2, short_side=128).folders()
