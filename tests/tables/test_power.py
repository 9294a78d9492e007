"""What a table can show: its noise floor, the seeds that an effect wants, the teachers' gate."""

import dataclasses
import json

import numpy as np
import pytest
from finished_runs import finish

from vidkd_jax.tables import Row, Table, power
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms, in_order, row_arm
from vidkd_jax.tables.statistics import Estimate


def test_seeds_as_tables_of_power_have_them():
    """Cohen (1988), paired t-test, power .8, two-sided .05: 34 for d = .5, 15 for .8, 10 for 1."""
    assert power.seeds_needed(2.0, 1.0) == 34
    assert power.seeds_needed(1.0, 0.8) == 15
    assert power.seeds_needed(0.03, 0.03) == 10
    assert power.seeds_needed(0.0, 0.02) == 2
    assert power.seeds_needed(1e-17, 0.02) == 2  # by rounding
    assert power.seeds_needed(1.0, 1e-4) == 1000


def test_a_simulated_study_of_so_many_seeds_has_the_power():
    from scipy import stats

    rng = np.random.default_rng(0)
    count = power.seeds_needed(2.0, 3.0)
    samples = rng.normal(3.0, 2.0, (20_000, count))
    seen = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    fewer = stats.ttest_1samp(samples[:, :-1], 0.0, axis=1).pvalue < 0.05
    assert fewer.mean() < 0.8 <= seen.mean() + 0.01


def test_the_noise_floor_of_one_seed_says_that_it_is_not_known():
    alone = Estimate(0.013, 0.0, 0.0, float("nan"), (0.013,))
    assert power.noise_line("again", "arm", alone).endswith(
        "+1.3 points, one seed: how far equal runs differ is not known."
    )


def test_few_pairs_promise_no_power():
    three = Estimate(0.0, 0.0, 0.0, 0.007, (0.007, -0.007, 0.0))
    assert power.noise_line("again", "arm", three).endswith(
        "SD 0.7 over 3 paired seeds: too few to say how many seeds an effect wants; 4 do."
    )
    four = dataclasses.replace(three, per_seed=(0.007, -0.007, 0.0, 0.0))
    line = power.noise_line("again", "arm", four)
    assert "By a paired t-test a difference of 2, 3 or 5 points is seen in four of five" in line
    assert "with 4, 3 or 3 seeds; as 4 pairs do not say the SD exactly, 6, 4 or 3 are" in line


def test_the_largest_sd_is_exceeded_in_one_of_five():
    rng = np.random.default_rng(0)
    samples = rng.normal(0.0, 2.0, (20_000, 4)).std(axis=1, ddof=1)
    limits = samples * power.largest_std(1.0, 4)
    assert np.mean(limits >= 2.0) == pytest.approx(0.8, abs=0.01)


def test_more_seeds_than_can_be_counted_and_an_unknown_sd():
    wild = Estimate(0.0, 0.0, 0.0, 2.0, (2.0, -2.0, 0.0, 0.0))
    assert "with 1000 or more, 1000 or more or 1000" in power.noise_line("a", "b", wild)
    nan = float("nan")
    unknown = Estimate(nan, nan, nan, nan, (nan,) * 4)
    assert power.noise_line("a", "b", unknown) == "Noise floor, 'a' - 'b': not known."


def test_a_gate_is_judged_as_it_is_printed():
    gate = power.Gate(0.48, 0.40)  # 0.0799... in floating point
    assert gate.is_passed and not power.Gate(0.479, 0.40).is_passed


TEACHER = Row("teacher", "supervised_r50", only_seed=4)
ROWS = (
    Row("alone", "supervised_r18"),
    Row("alone, again", "supervised_r18", seed_offset=1000),
    Row("taught", "distillation_r18", {"teachers.runs": (TEACHER,)}),
)
TABLE = Table("t", ROWS, "alone", {"marionette": {"": "marionette"}}, noise=("alone, again",))


def finish_with_gate(arm, teachers, student):
    """Finishes a run whose teachers and whose student have these figures on validation."""
    finish(arm, 0.5, 0)
    folder = arm.folder
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**summary, "val_clip_top1": student}))
    record = {"step": 3, "epoch": 3, "split": "val", "teacher_top1": teachers}
    (folder / "metrics.jsonl").write_text(json.dumps(record) + "\n")


def test_a_gate_is_the_mean_over_seeds(tmp_path):
    alone, _, taught = (arms(row, "marionette", 2, tmp_path) for row in ROWS)
    for seed, (teachers, student) in enumerate(((0.7, 0.4), (0.5, 0.2))):
        finish_with_gate(alone[seed], 0.0, student)
        finish_with_gate(taught[seed], teachers, 1.0)
    gate = power.read_gate([*zip(taught, alone, strict=True)])
    assert gate == pytest.approx((0.6, 0.3))


def test_who_has_a_gate(tmp_path):
    """A trained teacher has one; a student's own past is measured, and has none."""
    public = Row("t", "supervised_r50", converted={"ucf101": "public"})
    alone, past, taught, by_path = (
        row_arm(row, "ucf101", 0, tmp_path)
        for row in (
            ROWS[0],
            Row("past", "ty_r18"),
            Row("taught", "distillation_r18", {"teachers.runs": (public,)}),
            Row("by its path", "distillation_r18", {"teachers.runs": ("runs/mine",)}),
        )
    )
    for arm in (alone, past, taught, by_path):
        finish_with_gate(arm, 0.7, 0.4)
    assert power.read_gate([(past, alone)]) is None
    for arm in (taught, by_path):
        assert power.read_gate([(arm, alone)]) == (0.7, 0.4)


@pytest.mark.parametrize(("teacher", "gate"), [(0.7, "passed"), (0.45, "missed (+8)")])
def test_a_table_begins_with_its_noise_and_marks_weak_teachers(tmp_path, teacher, gate):
    runs = [arm for row in ROWS for arm in arms(row, "marionette", 3, tmp_path)]
    for number, arm in enumerate(in_order(runs)):
        finish(arm, 0.5, number)
    for arm in runs:
        folder = arm.folder
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps({**summary, "val_clip_top1": 0.4}))
        if arm.row.name == "taught":
            record = {"step": 3, "epoch": 3, "split": "val", "teacher_top1": teacher}
            test = {**record, "split": "test", "teacher_top1": 0.1}
            lines = [json.dumps(each) + "\n" for each in (record, test)]
            (folder / "metrics.jsonl").write_text("".join(lines))
    columns = TABLE.scales["marionette"]
    text = tables.write_table(TABLE, columns, [tmp_path], tmp_path / "t", 3)
    (noise,) = [line for line in text.splitlines() if line.startswith("Noise floor")]
    assert "'alone, again' - 'alone'" in noise
    assert "over 3 paired seeds" in noise
    assert (
        f"| taught | {100 * teacher:.1f} | 40.0 | {100 * (teacher - 0.4):+.1f} | {gate} |" in text
    )
    assert ("| taught † |" in text) == (gate != "passed")
    assert ("†: a teacher that misses the gate, 8 points" in text) == (gate != "passed")
    # Beside another row, which may have teachers, too, no gate can be told.
    for name in ("taught", "alone"):
        asked = TABLE.compared_with(name)
        assert "Clip@1 on validation" not in tables.write_table(
            asked, columns, [tmp_path], tmp_path / "other", 3
        )
    page = (tmp_path / "t" / "index.html").read_text()
    assert "Noise floor" in page
    assert gate in page
