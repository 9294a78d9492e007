"""Rows with a part of the videos, and the rows that they need."""

import dataclasses

import pytest
from finished_runs import finish

from vidkd_jax.tables import SEED, Row, Table, load_table, other_clips, part, trunk
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms, in_order, row_arm
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import rows_in

TEACHER = Row("teacher", "pcl_r3d", only_seed=100)
TAUGHT = Row("taught", "pclkd_c3d_r3d", {"teachers.runs": (TEACHER,), "optim.name": "sgd"})
OWN = {"data.fraction": 0.25, "data.subset_seed": SEED, "train.repeats": 4}


def test_a_part_takes_the_steps_of_all_videos_and_keeps_its_teachers():
    assert dict(part(TAUGHT, 0.25).overrides) == {**TAUGHT.overrides, **OWN}
    assert part(Row("r", "pcl_r3d"), 0.02).overrides["train.repeats"] == 50
    assert part(Row("r", "ty_r18"), 0.1, passes=4).overrides["train.repeats"] == 40
    assert part(Row("r", "pcl_r3d"), 0.15).overrides["train.repeats"] == 7  # 6.67
    with pytest.raises(ValueError, match="row 'r': passes=0; use more than 0"):
        part(Row("r", "pcl_r3d"), 0.1, passes=0)


def test_runs_of_a_config_of_ones_own_are_named_alike_wherever_the_project_lies(
    monkeypatch, tmp_path
):
    names = set()
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        names |= {Row("a", config).slug_in("d") for config in ("own/mine.py", "./own/mine.py")}
    assert len(names) == 1 and names.pop().startswith("mine-")


def test_what_it_needs_may_have_the_same_videos():
    found = part(TAUGHT, 0.25, needed=True)
    (teacher,) = rows_in(found.overrides["teachers.runs"])
    assert dict(teacher.overrides) == OWN
    assert teacher.only_seed is None and teacher.seed_offset == 100  # each seed's own videos
    (several,) = rows_in(part(TAUGHT, 0.25, needed=True, passes=3).overrides["teachers.runs"])
    assert several.overrides["train.repeats"] == 12
    assert found.overrides["optim.name"] == "sgd" and found.slug_in("d") != part(
        TAUGHT, 0.25
    ).slug_in("d")
    start = Row("fine-tuned", "finetune_r3d", {"model.init_from": Row("start", "pcl_r3d")})
    assert dict(part(start, 0.25, needed=True).overrides["model.init_from"].overrides) == OWN


def test_what_is_needed_further_has_the_same_videos_and_a_teacher_by_its_path_stays():
    taught = dataclasses.replace(TAUGHT, overrides={"teachers.runs": ("runs/one", TEACHER)})
    tuned = Row("tuned", "finetune_c3d", {"model.init_from": taught})
    start = part(tuned, 0.25, needed=True).overrides["model.init_from"]
    path, teacher = start.overrides["teachers.runs"]
    assert path == "runs/one" and dict(teacher.overrides) == OWN
    runs = in_order([row_arm(part(tuned, 0.25, needed=True), "marionette_long", 3)])
    assert [resolve(arm).data.subset_seed for arm in runs] == [3, 3, 3]


def test_what_a_row_needs_has_its_videos_whatever_their_seeds():
    row = part(dataclasses.replace(TAUGHT, seed_offset=1000), 0.25, needed=True)
    for seed in (0, 1):
        runs = in_order([row_arm(row, "marionette_long", seed)])
        assert [arm.seed for arm in runs] == [seed + 1100, seed + 1000]
        assert [resolve(arm).data.subset_seed for arm in runs] == [seed, seed]


def test_a_trunk_and_its_noise_floor_may_have_a_part_of_the_videos():
    stem = trunk(part(Row("alone", "supervised_r18"), 0.1), 10)
    again = other_clips("other clips", stem, 10)
    runs = in_order(row_arm(row, "marionette", 3) for row in (stem, again))
    assert [(arm.seed, resolve(arm).data.subset_seed) for arm in runs] == [(3, 3), (1003, 3)]


def test_a_noise_floor_of_a_part_has_the_teachers_of_its_trunk():
    stem = trunk(TAUGHT, 10)
    rows = [part(row, 0.25, needed=True) for row in (stem, other_clips("other clips", stem, 10))]
    own, other = (row_arm(row, "marionette_long", 3) for row in rows)
    assert [arm.seed for arm in in_order([own, other])] == [103, 3, 1003]
    assert own.overrides()["teachers.runs"] == other.overrides()["teachers.runs"]


def test_seeds_with_other_videos_make_one_table(tmp_path):
    rows = tuple(part(Row(name, f"{name}_r18"), 0.1) for name in ("supervised", "ty"))
    columns = {"": "marionette"}
    table = Table("t", rows, "supervised", {"marionette": columns}, metrics=("video_top1",))
    for row in rows:
        for arm in arms(row, "marionette", 2, tmp_path):
            finish(arm, 0.5, arm.seed)
    tables.write_table(table, columns, [tmp_path], tmp_path / "t", 2)
    assert "| ty | 2 |" in (tmp_path / "t" / "table.md").read_text()


@pytest.mark.parametrize(("name", "share"), [("5", 0.02), ("6", 0.25), ("7", 0.5)])
def test_the_papers_tables_of_few_videos_have_the_rows_of_its_table_of_all(name, share):
    all_videos = {row.name: row for row in load_table("pclkd_table4").rows}
    found = {row.name: row for row in load_table(f"pclkd_table{name}").rows}
    assert set(all_videos) < set(found) and len(found) == len(all_videos) + 6
    assert {row.overrides["data.fraction"] for row in found.values()} == {share}
    assert sum(bool(row.paper) for row in found.values()) == 9
