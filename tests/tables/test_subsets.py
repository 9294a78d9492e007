"""Rows with a part of the videos, and the rows that they need."""

import pytest

from vidkd_jax.tables import SEED, Row, load_table, part
from vidkd_jax.tables.row import rows_in

TEACHER = Row("teacher", "pcl_r3d", only_seed=100)
TAUGHT = Row("taught", "pclkd_c3d_r3d", {"teachers.runs": (TEACHER,), "optim.name": "sgd"})
OWN = {"data.fraction": 0.25, "data.subset_seed": SEED, "train.repeats": 4}


def test_a_part_takes_the_steps_of_all_videos_and_keeps_its_teachers():
    assert dict(part(TAUGHT, 0.25).overrides) == {**TAUGHT.overrides, **OWN}
    assert part(Row("r", "pcl_r3d"), 0.02).overrides["train.repeats"] == 50


def test_what_it_needs_may_have_the_same_videos():
    found = part(TAUGHT, 0.25, needed=True)
    (teacher,) = rows_in(found.overrides["teachers.runs"])
    assert dict(teacher.overrides) == OWN
    assert teacher.only_seed is None and teacher.seed_offset == 100  # each seed's own videos
    assert found.overrides["optim.name"] == "sgd" and found.slug != part(TAUGHT, 0.25).slug
    start = Row("fine-tuned", "finetune_r3d", {"model.init_from": Row("start", "pcl_r3d")})
    assert dict(part(start, 0.25, needed=True).overrides["model.init_from"].overrides) == OWN


@pytest.mark.parametrize(("name", "share"), [("5", 0.02), ("6", 0.25), ("7", 0.5)])
def test_the_papers_tables_of_few_videos_have_the_rows_of_its_table_of_all(name, share):
    all_videos = {row.name: row for row in load_table("pclkd_table4").rows}
    found = {row.name: row for row in load_table(f"pclkd_table{name}").rows}
    assert set(all_videos) < set(found) and len(found) == len(all_videos) + 6
    assert {row.overrides["data.fraction"] for row in found.values()} == {share}
    assert sum(bool(row.paper) for row in found.values()) == 9
