"""The names of a checkpoint's classes, in the forms in which projects publish them."""

import json

import pytest

from vidkd_jax.convert.class_names import read_class_names
from vidkd_jax.errors import InputError


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("label_map_k400.txt", "abseiling\nair drumming\n3 apples\n"),
        ("windows.txt", "\ufeffabseiling\r\nair drumming\r\n\r\n3 apples\r\n"),
        ("classInd.txt", "1 abseiling\n2 air drumming\n3 3 apples\n"),
        ("from_0.csv", "0,abseiling\n1,air drumming\n2,3 apples\n"),
        ("list.json", json.dumps(["abseiling", "air drumming", "3 apples"])),
        ("pytorchvideo.json", json.dumps({'"air drumming"': 1, "abseiling": 0, '"3 apples"': 2})),
        ("id2label.json", json.dumps({"0": "abseiling", "2": "3 apples", "1": "air drumming"})),
    ],
)
def test_forms(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    assert read_class_names(tmp_path / file) == ("abseiling", "air drumming", "3 apples")


def test_numbers_that_are_part_of_the_names_stay(tmp_path):
    (tmp_path / "names.txt").write_text("10 push-ups\n20 push-ups\n")
    assert read_class_names(tmp_path / "names.txt") == ("10 push-ups", "20 push-ups")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("n.txt", "", "n.txt: the list is empty"),
        ("n.txt", "run\nrun\n", "has 'run' twice; give a name a line"),
        ("n.json", "{", "is no JSON"),
        ("n.json", "3", "holds no names of classes"),
        ("n.json", '{"run": 1, "jump": 2}', "its numbers are not 0 to 1; give"),
        ("n.json", '["run", ""]', "has an empty name"),
        ("n.json", '["run", 3]', "holds no names of classes"),
        ("n.json", '{"run": [0]}', "its numbers are not 0 to 0"),
    ],
)
def test_what_is_no_list_of_names(tmp_path, file, text, message):
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=f"--class_names=.*{message}"):
        read_class_names(tmp_path / file)
