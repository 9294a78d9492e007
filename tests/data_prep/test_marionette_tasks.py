"""Lists of other tasks on rendered videos: labels, splits and groups."""

import csv
import json
import shlex
from collections import defaultdict

import pytest

from data_prep.marionette.actions import CLASS_NAMES
from data_prep.marionette.presets import PRESETS
from data_prep.marionette.tasks import main, task_rows
from vidkd_jax.errors import InputError

GROUPS = PRESETS["tiny"].groups


@pytest.fixture
def rendered(tmp_path):
    """Sidecars of 24 actors, whose walls turn once around the colours, in the order of g."""
    folder = tmp_path / "sidecars"
    folder.mkdir()
    for group in range(1, GROUPS + 1):
        for label, name in enumerate(CLASS_NAMES):
            wall = [255, round(10 * group), 0]  # from red to yellow
            sidecar = {
                "id": f"v_{name}_g{group:02d}_c01",
                "file": f"{name}/v_{name}_g{group:02d}_c01.mp4",
                "preset": "tiny",
                "class": name,
                "label": label,
                "group": group,
                "scene": {"wall": wall},
                "outfit": {"shirt": wall[::-1]},
            }
            (folder / f"{sidecar['id']}.json").write_text(json.dumps(sidecar))
    return tmp_path


def test_bins_of_a_colour_hold_whole_actors_and_as_many_each(rendered):
    rows = task_rows(rendered, "scene")
    assert len(rows) == GROUPS * len(CLASS_NAMES)
    actors = defaultdict(set)
    for _, label, _, group in rows:
        actors[label].add(group)
    assert {label: sorted(groups) for label, groups in actors.items()} == {
        f"wall{k}": [f"g{4 * k + i:03d}" for i in range(1, 5)] for k in range(6)
    }
    assert {label for _, label, _, _ in task_rows(rendered, "outfit")} == {
        f"shirt{k}" for k in range(6)
    }


def test_a_motion_has_no_direction_and_splits_are_the_presets(rendered):
    rows = task_rows(rendered, "motion")
    labels = {path.partition("/")[0]: label for path, label, _, _ in rows}
    assert len(set(labels.values())) == 7
    assert labels["SitDown"] == labels["StandUp"] == "SitDownorStandUp"
    tested = {int(group[1:]) for _, _, split, group in rows if split == "test"}
    assert tested == {*PRESETS["tiny"].test_groups(1)}


def test_the_command_writes_a_list_and_says_what_is_next(rendered, capsys):
    main([f"--videos={rendered}", "--task=motion", f"--out={rendered / 'lists' / 'motion.csv'}"])
    with (rendered / "lists" / "motion.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0].keys() == {"path", "label", "split", "group"} and len(rows) == 336
    said = capsys.readouterr().out
    assert "336 videos, 7 classes" in said and "--dataset=csv --name=marionette_motion" in said


def test_a_folder_without_all_sidecars_is_refused(tmp_path, rendered):
    with pytest.raises(InputError, match="has no sidecars"):
        task_rows(tmp_path / "none", "scene")
    first, second, *_ = (rendered / "sidecars").iterdir()
    first.unlink()
    with pytest.raises(InputError, match="has 335 of 336 videos; run its python -m"):
        task_rows(rendered, "scene")
    newer = {**json.loads(second.read_text()), "preset": "newer"}
    damages = {
        '{"id": ': "Expecting value",
        '{"id": "a"}': "has no class",
        json.dumps(newer): "there is no preset 'newer'",
    }
    for damage, cause in damages.items():
        second.write_text(damage)
        with pytest.raises(InputError, match=rf"{second.name}: is damaged \({cause}.*; delete it"):
            task_rows(rendered, "scene")


def test_the_next_command_may_have_spaces(rendered, tmp_path, capsys):
    main([f"--videos={rendered}", "--task=motion", f"--out={tmp_path / 'my lists' / 'm.csv'}"])
    *_, command = capsys.readouterr().out.splitlines()
    assert f"--annotations={tmp_path / 'my lists' / 'm.csv'}" in shlex.split(command)


def test_a_folder_is_no_list_to_write(rendered, tmp_path):
    with pytest.raises(InputError, match=r"--out=.*: is a folder; give the name of a CSV file"):
        main([f"--videos={rendered}", "--task=motion", f"--out={tmp_path}"])
