"""Rows that need other rows: teachers, and runs to start from."""

import dataclasses
import json
from pathlib import Path

import jax
import pytest
from finished_runs import finish

from vidkd_jax.errors import InputError
from vidkd_jax.models.normalisation import TY
from vidkd_jax.networks.card import Card
from vidkd_jax.run import origins
from vidkd_jax.tables import (
    SEED,
    Row,
    Selection,
    Table,
    alike,
    checks,
    columns,
    costs,
    load_table,
    part,
    runner,
)
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables import table as table_lib
from vidkd_jax.tables.arms import arms, finished_by_seed, finished_part, in_order, row_arm
from vidkd_jax.tables.forks import forked, other_clips, trunk
from vidkd_jax.tables.planned import plan, settled
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.table import available

TEACHER = Row("t", "supervised_r50", seed_offset=7)
STUDENT = Row("student", "distillation_r18", {"teachers.runs": (TEACHER,)})


def test_a_teacher_comes_first_and_once(tmp_path):
    other = Row("other", "decoupled_r18", {"teachers.runs": (TEACHER,)})
    wanted = [row_arm(row, "marionette", 3, tmp_path) for row in (STUDENT, other)]
    ordered = in_order(wanted)
    assert [arm.row.name for arm in ordered] == ["t", "student", "other"]
    assert [arm.seed for arm in ordered] == [10, 3, 3]
    line = runner.command(ordered[1], ["--config.data.root=x"])
    assert f"--config.teachers.runs=('{ordered[0].folder}',)" in line
    assert line[-1] == "--config.data.root=x"


def test_minutes_and_parameters_include_the_teachers(tmp_path, monkeypatch):
    table = Table("t", (STUDENT,), "student", {"marionette": {"": "marionette"}})
    arm = row_arm(STUDENT, "marionette", 0, tmp_path)
    for run in (arm, *arm.needs()):
        finish(run, 0.5, 0)
    text = tables.write_table(table, {"": "marionette"}, [tmp_path], tmp_path / "t", 1)
    assert "| 2.50 + 2.50 | 4.0 |" in text


def test_a_teacher_by_its_path_counts_as_any_other(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    card = Card("ty_r3d_18", 1 / 32, 3, 14, frames=8, normalisation=TY, size=48)
    (folder / "model.json").write_text(json.dumps(card.as_json()))
    row = Row("taught", "distillation_r18", {"teachers.runs": (str(folder),)})
    arm = row_arm(row, "marionette", 0, tmp_path)
    finish(arm, 0.5, 0)
    parameters, macs = costs.of_card(card)
    assert columns._params(arm) == (2.5, parameters / 1e6)
    found = costs.cost(arm)
    alone = costs.cost(row_arm(Row("alone", "supervised_r18"), "marionette", 0, tmp_path))
    assert found.flops - alone.flops == 2 * macs * found.clips * found.passes


def test_minutes_of_a_fork_count_its_trunk_once(tmp_path):
    """A fork's own minutes begin with the trunk's; its teacher's come on top."""
    stem = trunk(Row("stem", "supervised_r18"), 2)
    arm = row_arm(forked(STUDENT, stem, 2), "marionette", 0, tmp_path)
    for run in (arm, *arm.needs()):
        finish(run, 0.5, 0)
    assert len(arm.needs()) == 2
    assert columns._minutes(arm) == 2.0 + 2.0  # not 6


def test_a_finished_run_whose_teacher_is_gone_is_one_line(tmp_path):
    table = Table("t", (STUDENT,), "student", {"marionette": {"": "marionette"}})
    finish(row_arm(STUDENT, "marionette", 0, tmp_path), 0.5, 0)
    with pytest.raises(InputError, match=r"supervised_r50/seed7' has no results any more"):
        tables.write_table(table, {"": "marionette"}, [tmp_path], tmp_path / "t", 1)


def test_equal_arms_of_different_tables_are_one_run(tmp_path):
    def folder(table, row):
        (found,) = [r for r in load_table(table).rows if r.name == row]
        return row_arm(found, "marionette", 0, tmp_path).folder

    ty = folder("ty_table3", "TY")
    assert ty == folder("ty_table5", "TY") == folder("ty_table8", "tau 5, lambda 0.2")
    assert ty == folder("ty_table4", "TY, 3D ResNet-18")
    assert ty != folder("ty_table8", "tau 5, lambda 0.1")


@pytest.mark.parametrize("has_own", [True, False])
def test_students_learnt_from_the_weights_that_stand_beside_them(tmp_path, has_own):
    """If old runs lack the digest of their own weights, their students must agree on it."""
    table = load_table("ty_table5")
    wanted = ("Teacher to Student (3D ResNet-50)", "Teacher to Student, KL times tau^2")
    students = [
        row_arm(row, "marionette_third", 0, tmp_path) for row in table.rows if row.name in wanted
    ]
    (teacher,) = students[0].needs()
    for seed, arm in enumerate((teacher, *students)):
        finish(arm, 0.5, seed)

    def says(arm, file, **values):
        path = arm.folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    if has_own:
        says(teacher, "summary.json", weights="one")
    for student in students:
        says(student, "config.json", network={"records": "r", "teachers": ["one"]})
    alike.check_alike(students)
    says(students[1], "config.json", network={"records": "r", "teachers": ["another"]})
    with pytest.raises(InputError, match="did not learn from the weights that") as caught:
        alike.check_alike(students)
    assert str(students[1].folder) in str(caught.value)
    says(students[0], "config.json", network={"records": "r", "teachers": ["another"]})
    if has_own:  # the students agree with each other, and not with the teacher that stands there
        with pytest.raises(InputError, match="did not learn from the weights that"):
            alike.check_alike(students)
    else:
        alike.check_alike(students)


PRETRAINED = Row("pretrained", "supervised_r18", dataset="kinetics400", seed_offset=5)
TUNED = Row(
    "tuned",
    "distillation_r18",
    {"model.init_from": PRETRAINED, "teachers.runs": (TEACHER, "weights/r50")},
)


def test_the_teacher_that_answers_chosen_clips_comes_first():
    chosen = Row("chosen", "supervised_r34", selection=Selection("confidence", teacher=TEACHER))
    runs = in_order([row_arm(chosen, "marionette", 1)])
    assert [(arm.row.name, arm.seed) for arm in runs] == [("t", 8), ("chosen", 1)]
    assert runs[1].needs("teachers.runs") == []  # it does not learn from it


def test_a_row_is_not_shown_beside_one_that_is_not_shown(tmp_path):
    """The row that it is compared with is finished, but what that is compared with is not."""
    first, second = Row("first", "supervised_r18"), Row("second", "ty_r18")
    third = Row("third", "moving_average_r18", against="second")
    table = Table("t", (first, second, third), "first", {"marionette": {"": "marionette"}})
    for row in (second, third):
        (arm,) = arms(row, "marionette", 1, tmp_path)
        finish(arm, 0.5, 0)

    def shown():
        found = finished_by_seed(table.rows, "marionette", [tmp_path], 1)
        return finished_part(table, found)

    part, missing, unpaired = shown()
    assert (part.rows, missing, unpaired) == ((), ["first"], ["second", "third"])
    (arm,) = arms(first, "marionette", 1, tmp_path)
    finish(arm, 0.5, 0)
    assert shown() == (table, [], [])


def test_any_field_may_name_a_row(tmp_path):
    first, teacher, tuned = in_order([row_arm(TUNED, "ucf101", 1, tmp_path)])
    assert (first.row.name, first.dataset, first.seed) == ("pretrained", "kinetics400", 6)
    assert (teacher.row.name, teacher.dataset, teacher.seed) == ("t", "ucf101", 8)
    line = runner.command(tuned, [])
    assert f"--config.model.init_from={tmp_path}/runs/kinetics400/supervised_r18/seed6" in line
    runs = (f"{tmp_path}/runs/ucf101/supervised_r50/seed8", "weights/r50")
    assert f"--config.teachers.runs={runs}" in line
    config = resolve(tuned)
    assert config.model.init_from == f"{tmp_path}/runs/kinetics400/supervised_r18/seed6"
    assert config.teachers.runs == runs


TRUNK = Row("trunk", "supervised_r18", {"train.keep_epochs": (10,)})
FORK = {"train.fork_from": TRUNK, "train.fork_epoch": 10}


def test_forks_of_a_seed_share_its_trunk(tmp_path):
    arms = [Row("a", "ty_r18", FORK), Row("b", "moving_average_r18", FORK)]
    # Equal to its trunk but for the seed that draws the clips: the noise floor.
    back = {**FORK, "train.fork_from": dataclasses.replace(TRUNK, seed_offset=-1000)}
    arms.append(Row("A/A", "supervised_r18", back, seed_offset=1000))
    ordered = in_order([row_arm(row, "marionette", 2, tmp_path) for row in arms])
    assert [arm.row.name for arm in ordered] == ["trunk", "a", "b", "A/A"]
    assert [arm.seed for arm in ordered] == [2, 2, 2, 1002]
    trunk = ordered[0].folder
    line = runner.command(ordered[3], [])
    assert f"--config.train.fork_from={trunk}" in line
    assert "--config.train.fork_epoch=10" in line
    assert costs.cost(ordered[0]).passes == 25
    assert costs.cost(ordered[3]).passes == 15  # the trunk's ten epochs are not trained again


def test_a_trunk_is_forked_after_several_epochs_if_it_keeps_them(tmp_path):
    stem = trunk(trunk(Row("stem", "supervised_r18"), 1), 3)
    assert stem.overrides["train.keep_epochs"] == (1, 3)
    wanted = [row_arm(forked(STUDENT, stem, after), "marionette", 0, tmp_path) for after in (1, 3)]
    checks.check_forks(plan(wanted, []))
    (wrong,) = [row_arm(forked(STUDENT, stem, 2), "marionette", 0, tmp_path)]
    message = r"forks after epoch 2 of row 'stem', which keeps \(1, 3\); .*after=2\)"
    with pytest.raises(InputError, match=message):
        checks.check_forks(plan([wrong], []))


def test_a_fork_after_an_epoch_that_its_trunk_does_not_reach_is_refused(tmp_path):
    """Before anything runs; where validation may end the trunk, as soon as it has."""
    short = trunk(Row("stem", "supervised_r18", {"train.epochs": 6}), 10)
    message = r"row 'student': forks after epoch 10 of row 'stem', which has train\.epochs=6; fork"
    with pytest.raises(InputError, match=message):
        checks.check_forks(
            plan([row_arm(forked(STUDENT, short, 10), "marionette", 0, tmp_path)], [])
        )
    stem = trunk(trunk(Row("stem", "supervised_r18"), 2), 10)
    wanted = [row_arm(forked(STUDENT, stem, after), "marionette", 0, tmp_path) for after in (2, 10)]
    checks.check_forks(plan(wanted, []))
    finish(row_arm(stem, "marionette", 0, tmp_path), 0.5, 0)  # it stopped early, after epoch 3
    checks.check_forks(plan(wanted[:1], []))
    with pytest.raises(InputError, match=r"validation ended '.*seed0' after epoch 3; fork earlier"):
        checks.check_forks(plan(wanted[1:], []))


def test_a_fork_that_does_not_fit_its_trunk_is_refused_before_anything_runs(tmp_path):
    stem = trunk(Row("stem", "supervised_r18"), 3)
    fork = forked(Row("fork", "ty_r18"), stem, 3)
    runs = [row_arm(each, "marionette", 0, tmp_path) for each in (fork, part(fork, 0.5))]
    checks.check_forks(plan(runs[:1], []))
    message = r"row 'fork': data\.fraction=0\.5, but it forks from row 'stem', which has 1\.0"
    with pytest.raises(InputError, match=message):
        checks.check_forks(plan(runs[1:], []))
    whole = [row_arm(part(fork, 0.5, needed=True), "marionette", 0, tmp_path)]
    checks.check_forks(plan(whole, []))


def test_the_noise_floor_has_the_teachers_and_the_start_of_its_trunk():
    start = Row("start", "supervised_r18", dataset="marionette_teachers")
    needed = {"teachers.runs": (TEACHER, "weights/r50"), "model.init_from": start}
    stem = trunk(Row("stem", "distillation_r18", needed, seed_offset=20), 2)
    again = other_clips("other clips", stem, 2)
    own, other = (row_arm(row, "marionette", 1) for row in (stem, again))
    assert (own.seed, other.seed) == (21, 1001)
    teachers, stems = "teachers.runs", "train.fork_from"
    assert other.overrides()[teachers] == own.overrides()[teachers]
    assert other.overrides()[stems] == str(own.folder)
    assert {arm.seed for arm in in_order([other])} == {21, 28, 1001}
    assert resolve(other).model.init_from == ""  # the trunk began there


def test_the_noise_floor_keeps_its_trunks_data_set():
    stem = trunk(Row("alone", "supervised_r18", dataset="marionette_third"), 10)
    runs = in_order([row_arm(other_clips("other clips", stem, 10), "marionette", 0)])
    assert [arm.dataset for arm in runs] == ["marionette_third"] * 2


def test_a_flag_may_give_all_runs_what_some_rows_mean_anyway(tmp_path):
    table, field = load_table("condi_table4_3"), "val_fraction"
    wanted = [
        row_arm(table.row(name), "marionette_untrimmed", 0, tmp_path)
        for name in ("Dense", "ConDi-SR")
    ]
    own = set()
    for arm in in_order(wanted):
        finish(arm, 0.5, 0, records=arm.dataset)
        path = arm.folder / "config.json"
        config = json.loads(path.read_text())
        own.add(config["data"][field])
        config["data"][field] = 0.2
        path.write_text(json.dumps(config))
    assert own == {0.1, 0.2}
    assert alike.check_alike(wanted) == {f"data.{field}": 0.2}
    config["data"][field] = 0.1
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"was run with another data\.val_fraction"):
        alike.check_alike(wanted)


def test_a_flag_that_the_first_run_alone_was_given_is_a_difference(tmp_path):
    """The second one is what its row means, but not what the first one is."""
    runs = [
        row_arm(Row(name, f"{name}_r18"), "marionette", 0, tmp_path)
        for name in ("supervised", "ty")
    ]
    for arm in runs:
        finish(arm, 0.5, 0)
    alike.check_alike(runs)
    path = runs[0].folder / "config.json"
    config = json.loads(path.read_text())
    config["optim"]["momentum"] = 0.5
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"ty_r18/seed0' was run with another optim\.momentum"):
        alike.check_alike(runs)


def test_flow_has_records_of_its_own_but_one_set_of_them(tmp_path):
    rgb, flow, other = (
        row_arm(Row(name, f"{name}_r18", overrides), "marionette", 0, tmp_path)
        for name, overrides in (
            ("supervised", {}),
            ("ty", {"data.modality": "flow"}),
            ("supervised", {"data.modality": "flow"}),
        )
    )
    for arm, records in ((rgb, "r"), (flow, "f"), (other, "g")):
        finish(arm, 0.5, 0, records=records)
    alike.check_alike([rgb, flow])
    with pytest.raises(InputError, match=r"was run on other videos or lists than the table's"):
        alike.check_alike([rgb, flow, other])


def test_a_teacher_with_one_seed_teaches_all_seeds(tmp_path):
    teacher = Row("t", "supervised_r50", only_seed=4)
    students = [Row("s", "distillation_r18", {"teachers.runs": (teacher,)})]
    arms = in_order([row_arm(row, "marionette", seed) for seed in (0, 1) for row in students])
    assert [(arm.row.name, arm.seed) for arm in arms] == [("t", 4), ("s", 0), ("s", 1)]
    assert students[0].slug_in("d") == "distillation_r18+from(supervised_r50+seed=4)"


def test_a_seed_may_draw_the_videos_alike_in_all_rows(tmp_path):
    few = {"data.fraction": 0.02, "data.subset_seed": SEED}
    rows = [Row("a", "ty_r18", few), Row("again", "supervised_r18", few, seed_offset=1000)]
    for seed in (1, 2):
        arms = [row_arm(row, "marionette", seed, tmp_path) for row in rows]
        assert [resolve(arm).data.subset_seed for arm in arms] == [seed, seed]
        assert all("data.subset_seed=SEED" in str(arm.folder) for arm in arms)


def test_forks_of_one_trunk_began_with_one_state(tmp_path):
    arms = [
        row_arm(Row(n, n, FORK), "marionette", 0, tmp_path)
        for n in ("ty_r18", "moving_average_r18")
    ]
    (trunk,) = arms[0].needs()
    for seed, arm in enumerate((trunk, *arms)):
        finish(arm, 0.5, seed)

    def says(arm, **values):
        path = arm.folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    for arm in arms:
        says(arm, network={"records": "r", "teachers": [], "start": ["one"]})
    alike.check_alike(arms)
    says(arms[1], network={"records": "r", "teachers": [], "start": ["another"]})
    with pytest.raises(InputError, match="did not learn from the weights that"):
        alike.check_alike(arms)


def test_the_epoch_of_a_fork_need_not_be_an_override(tmp_path):
    """A flag may set it, or the row's own config."""
    arm = row_arm(Row("fork", "ty_r18", FORK), "marionette", 0, tmp_path)
    finish(arm, 0.5, 0)
    row = dataclasses.replace(arm.row, overrides={"train.fork_from": FORK["train.fork_from"]})
    saved = {"train.fork_epoch": 10}
    found = [
        alike._weights(each, saved, {"start": ["one"]})
        for each in (arm, row_arm(row, "marionette", 0, tmp_path))
    ]
    assert found[0] == found[1] and found[0][0][0].name == "epoch 10"


def test_a_folder_says_which_rows_are_needed():
    start = "model.init_from=from(supervised_r18+seed_offset=5+dataset=kinetics400)"
    row = dataclasses.replace(TUNED, overrides={**TUNED.overrides, "teachers.runs": (TEACHER,)})
    assert row.slug_in("d") == f"distillation_r18+{start}+from(supervised_r50)"
    row = dataclasses.replace(row, overrides={"teachers.runs": (TEACHER, "weights/r50")})
    assert row.slug_in("d") == "distillation_r18+from(supervised_r50)+from(weights_r50)"
    ways = [
        {"model.init_from": Row("a", "supervised_r18", seed_offset=offset, dataset=dataset)}
        for offset in (0, 1)
        for dataset in ("", "marionette")
    ]
    ways.append({"teachers.runs": (Row("a", "supervised_r18", dataset="marionette"),)})
    ways.append({"teachers.runs": (Row("a", "supervised_r18", dataset=""),)})
    assert len({Row("b", "ty_r18", overrides).slug_in("d") for overrides in ways}) == len(ways)


def test_a_needed_row_of_a_needed_row_follows_its_data_set():
    trunk = Row("trunk", "supervised_r18")
    branch = Row("branch", "supervised_r18", {"model.init_from": trunk}, dataset="kinetics400")
    runs = in_order([row_arm(Row("leaf", "ty_r18", {"model.init_from": branch}), "ucf101", 0)])
    assert [arm.dataset for arm in runs] == ["kinetics400", "kinetics400", "ucf101"]


def test_rows_that_would_share_a_folder_are_refused():
    """The seed offset of a teacher changes the result, but is not in the name of the folder."""
    rows = [
        Row(name, "ty_r18", {"teachers.runs": (Row("t", "supervised_r18", seed_offset=offset),)})
        for name, offset in (("one", 0), ("two", 1000))
    ]
    in_order([row_arm(rows[0], "d", 0)])
    with pytest.raises(InputError, match=r"rows 'one' and 'two': they differ in teachers\.runs"):
        in_order([row_arm(row, "d", 0) for row in rows])


def test_rows_that_would_share_a_folder_are_refused_also_where_one_is_wanted(tmp_path, monkeypatch):
    rows = [
        Row(name, "ty_r18", {"teachers.runs": (Row("t", "supervised_r18", seed_offset=offset),)})
        for name, offset in (("one", 0), ("two", 1000))
    ]
    table = Table("t", tuple(rows), "one", {"marionette": {"": "marionette"}})
    monkeypatch.setattr(tables, "load_table", lambda _: table)
    with pytest.raises(InputError, match="give their teachers one seed_offset"):
        tables.main(["--table=t", f"--out={tmp_path}", "--row=two", "--dry_run"])


@pytest.mark.parametrize("name", [name for name in available() if name.startswith("condi_")])
def test_the_networks_of_small_sets_begin_with_those_of_kinetics(name):
    """ConDi, section 4.3.1: UCF101 and SSv2 are too small to begin at random."""
    table = load_table(name)
    columns = [*table.scales["paper"].values()]
    columns += [
        f"{name}_split{number}" for name in columns if name == "ucf101" for number in (2, 3)
    ]
    for dataset in columns:
        for arm in in_order(arm for row in table.rows for arm in arms(row, dataset, 1)):
            settings = resolve(arm)
            teaches = arm.row.config.startswith("condi_teacher")
            second = arm.row.config.endswith("r21d")
            begins = Path(settings.model.init_from).parts
            if arm.dataset in ("kinetics400", "kinetics600"):
                assert not begins and settings.optim.learning_rate == 0.1
                assert not teaches or arm.dataset == ("kinetics400" if second else "kinetics600")
            else:
                assert begins[1] == ("kinetics400" if teaches and second else "kinetics600")
                assert settings.optim.learning_rate == 0.01
            assert settings.eval.average == "softmax"  # section 3.1.2
            assert settings.optim.weight_decay == (1e-3 if teaches else 5e-4)


def test_a_folder_s_name_leaves_out_what_a_column_does_without():
    first = Row("first", "ty_r18", dataset={"ucf101": "kinetics400", "kinetics400": ""})
    row = Row("row", "ty_r18", {"model.init_from": first})
    assert row.slug_in("kinetics400") == "ty_r18"
    assert row.slug_in("ucf101") == "ty_r18+model.init_from=from(ty_r18)"


def test_pretraining_costs_minutes_and_no_parameters(tmp_path):
    """A run that is needed twice, here as the start and as the teacher, is counted once."""
    trunk = Row("trunk", "supervised_r18")
    born_again = {"model.init_from": trunk, "teachers.runs": (trunk,)}
    rows = (Row("tuned", "supervised_r18", {"model.init_from": trunk}),)
    rows += (Row("born again", "distillation_r18", born_again),)
    for arm in in_order(row_arm(row, "marionette", 0, tmp_path) for row in rows):
        finish(arm, 0.5, 0)
    table = Table("t", rows, "tuned", {"marionette": {"": "marionette"}})
    text = tables.write_table(table, {"": "marionette"}, [tmp_path], tmp_path / "t", 1)
    lines = {line.split(" | ")[0]: line for line in text.splitlines()}
    assert "| 2.50 | 4.0 |" in lines["| tuned"]
    assert "| 2.50 + 2.50 | 4.0 |" in lines["| born again"]
    assert "include those of every run that a row needs" in text


def test_a_step_costs_what_its_teachers_answer_and_nothing_for_its_start():
    plain, tuned, taught = (
        costs.cost(row_arm(Row("a", config, overrides), "ucf101", 0)).flops
        for config, overrides in (
            ("supervised_r18", {}),
            ("supervised_r18", {"model.init_from": PRETRAINED}),
            ("distillation_r18", {"teachers.runs": (PRETRAINED,)}),
        )
    )
    assert plain == tuned and taught == pytest.approx(plain * 4 / 3, rel=1e-4)  # of 400 classes


def test_a_still_image_teacher_costs_what_it_answers_of_each_frame():
    still = Row("still", "frame_teacher", dataset="scene", only_seed=0)
    (macs,) = {costs._work_of(row_arm(still, "scene", 0), ()).macs}
    alone = costs.cost(row_arm(Row("alone", "segments_r18"), "marionette", 0))
    for guidance, frames in (("sequence", 8), ("image", 1)):
        overrides = {"teachers.runs": (still,), "method.guidance": guidance}
        found = costs.cost(row_arm(Row("guided", "dtg_r18", overrides), "marionette", 0))
        asked = (found.flops - alone.flops) / (2 * found.clips * found.passes)
        # The student's head is another one.
        assert asked == pytest.approx(frames * macs, rel=1e-2)


def test_converted_weights_stand_for_a_run_on_real_videos(tmp_path, monkeypatch):
    known = Row("t", "supervised_r18", dataset="marionette", converted={"ucf101": "public"})
    row = Row("a", "distillation_r18", {"teachers.runs": (known, PRETRAINED)})
    real, built_in = row_arm(row, "ucf101", 0, tmp_path), row_arm(row, "marionette", 0, tmp_path)
    assert [arm.row.name for arm in in_order([real])] == [PRETRAINED.name, "a"]
    assert [arm.row.name for arm in in_order([built_in])] == ["t", PRETRAINED.name, "a"]
    folder = tmp_path / "weights" / "public"
    assert real.overrides()["teachers.runs"][0] == str(folder)
    with pytest.raises(InputError, match=r"row 'a': no weights in '.*public'; make them with"):
        checks.check_converted(plan([real], []))
    card = Card("tsn_resnet18", 1 / 32, 3, 9, frames=1, normalisation=TY, size=32)
    folder.mkdir(parents=True)
    wrong = dataclasses.replace(card, frames=3)
    (folder / "model.json").write_text(json.dumps(wrong.as_json()))
    with pytest.raises(InputError, match=r"public' see 3 frames; convert them again with --fr"):
        checks.check_converted(plan([real], []))
    checks.check_converted(plan([real], ["--config.data.frames=3"]))
    (folder / "model.json").unlink()
    folder.rmdir()
    without = costs.cost(real).flops
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(card.as_json()))
    checks.check_converted(plan([real], []))
    parameters, macs = costs.of_card(card)
    more = costs.cost(real)
    assert more.flops - without == 2 * macs * more.clips * more.passes
    for arm in in_order([real]):
        finish(arm, 0.5, 0)
    monkeypatch.setattr(alike, "_digest", lambda folder: "d")
    table = Table("t", (row,), "a", {"marionette": {"": "ucf101"}})
    text = tables.write_table(table, {"": "ucf101"}, [tmp_path], tmp_path / "t", 1)
    assert f"| 2.50 + 2.50 + {parameters / 1e6:.2f} |" in text


def test_converted_weights_of_another_network_are_refused_before_anything_runs(tmp_path):
    known = Row("t", "supervised_r18", dataset="marionette", converted={"ucf101": "public"})
    row = Row("a", "supervised_r18", {"model.init_from": known})
    folder = tmp_path / "weights" / "public"
    folder.mkdir(parents=True)
    run = plan([row_arm(row, "ucf101", 0, tmp_path)], [])
    card = Card("r3d_18", 1.0, 3, 9, frames=16, normalisation=TY, size=112)
    (folder / "model.json").write_text(json.dumps(card.as_json()))
    message = r"row 'a': config\.model\.init_from: .* holds weights of model=r3d_18, the run has"
    with pytest.raises(InputError, match=message):
        checks.check_converted(run)
    (settings,) = (each.settings.model for each in run)
    card = dataclasses.replace(card, model=settings.name, width=settings.width)
    (folder / "model.json").write_text(json.dumps(card.as_json()))
    checks.check_converted(run)


@pytest.mark.parametrize("field", ["model.init_from", "teachers.runs"])
def test_a_run_of_other_converted_weights_is_not_its_row(field, tmp_path, monkeypatch):
    """The folder's name is the same, so that the run's own config and digests must tell."""
    digests = {tmp_path / "weights/public": "d1", tmp_path / "weights/other": "d2"}
    monkeypatch.setattr(alike, "_digest", digests.__getitem__)
    role = {"model.init_from": origins.START, "teachers.runs": origins.TEACHERS}[field]

    def arm_of(name):
        known = Row("t", "supervised_r18", converted={"ucf101": name})
        config = "distillation_r18" if field == "teachers.runs" else "supervised_r18"
        value = (known,) if field == "teachers.runs" else known
        return row_arm(Row("a", config, {field: value}), "ucf101", 0, tmp_path)

    arm = arm_of("public")
    finish(arm, 0.5, 0)
    path = arm.folder / "config.json"
    saved = json.loads(path.read_text())
    saved["network"] |= {role: ["d1"]}
    path.write_text(json.dumps(saved))
    alike.check_alike([arm])
    by_name = r"was run with model\.init_from=.*public', and its row names '.*other'; delete it"
    by_weights = r"did not learn from the weights that '.*other' has now.*; delete it"
    message = by_name if field == "model.init_from" else by_weights
    with pytest.raises(InputError, match=message):
        alike.check_alike([arm_of("other")])
    digests[tmp_path / "weights/public"] = "converted again"
    with pytest.raises(InputError, match=r"did not learn from the weights that '.*public' has now"):
        alike.check_alike([arm])


def test_only_what_other_rows_need_may_be_converted():
    row = Row("a", "supervised_r18", converted={"ucf101": "public"})
    with pytest.raises(InputError, match=r"row 'a': converted: only a row that another one's"):
        table_lib._check(Table("t", (row,), "a", {"marionette": {"": "marionette"}}))


def test_no_two_tables_give_one_folder_to_two_runs():
    """A table alone cannot see that: `in_order` compares its own rows."""
    found = {}
    for name in table_lib.available():
        table = load_table(name)
        for scale, datasets in table.scales.items():
            arms = [row_arm(row, dataset, 0) for dataset in datasets.values() for row in table.rows]
            for arm in in_order(arms):
                meant = (arm.row.config, arm.overrides())
                other, first = found.setdefault(arm.folder, (f"{name} {scale}", meant))
                assert meant == first, (arm.folder, name, other)


def test_a_run_that_started_elsewhere_is_not_its_row(tmp_path):
    """Only the end of the path counts, because the folder of all runs may have moved."""
    tuned = row_arm(
        Row("tuned", "supervised_r18", {"model.init_from": PRETRAINED}), "ucf101", 0, tmp_path
    )
    for arm in in_order([tuned]):
        finish(arm, 0.5, 0)
    alike.check_alike([tuned])
    path = tuned.folder / "config.json"
    config = json.loads(path.read_text())
    start = "kinetics400/supervised_r18/seed5"
    config["model"]["init_from"] = f"/before/runs/{start}"
    path.write_text(json.dumps(config))
    alike.check_alike([tuned])
    for other in ("hmdb51/supervised_r18/seed5", "kinetics400/ty_r18/seed5", f"{start[:-1]}6"):
        config["model"]["init_from"] = f"/before/runs/{other}"
        path.write_text(json.dumps(config))
        with pytest.raises(
            InputError, match=r"was run with model\.init_from=.*delete it, and the same"
        ):
            alike.check_alike([tuned])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"teachers.runs": TEACHER}, r"config\.teachers\.runs: 'runs/.*' is not of type tuple"),
        ({"model.init_from": (TEACHER,)}, r"config\.model\.init_from: .* is not of type str"),
        ({"model.init_form": TEACHER}, r"no such field; did you mean 'model\.init_from'"),
    ],
)
def test_a_row_in_a_field_that_takes_none(overrides, message):
    with pytest.raises(InputError, match=message):
        resolve(row_arm(Row("a", "distillation_r18", overrides), "marionette", 0))


def test_a_needed_row_has_a_data_set_by_column_or_is_done_without():
    large = Row("large", "supervised_r18", dataset={"hmdb51": "kinetics400", "ucf101": ""})
    row = Row("tuned", "ty_r18", {"model.init_from": large, "train.epochs": 3})
    on = {name: row_arm(row, name, 0) for name in ("hmdb51", "ucf101", "ssv2")}
    assert [arm.dataset for arm in on["hmdb51"].needs()] == ["kinetics400"]
    assert on["ucf101"].needs() == [] and on["ucf101"].overrides() == {"train.epochs": 3}
    folders = {name: arm.overrides().get("model.init_from") for name, arm in on.items()}
    assert folders == {
        "hmdb51": "runs/kinetics400/supervised_r18/seed0",
        "ucf101": None,
        "ssv2": "runs/ssv2/supervised_r18/seed0",
    }


def test_a_teacher_among_several_is_done_without_too():
    large = Row("large", "supervised_r34", dataset={"ucf101": ""})
    row = Row("taught", "distillation_r18", {"teachers.runs": (TEACHER, large)})
    for dataset, seeds in (("ucf101", [7]), ("hmdb51", [7, 0])):
        arm = row_arm(row, dataset, 0)
        assert [needed.seed for needed in arm.needs()] == seeds
        assert len(arm.overrides()["teachers.runs"]) == len(seeds)
        assert ("r34" in str(arm.folder)) == (len(seeds) == 2)


def test_a_part_of_a_table_is_compared_with_the_row_that_is_named_first():
    table = load_table("ty_table3")
    part = table.only("TY", "Baseline", title="part")
    assert [row.name for row in part.rows] == ["Baseline", "TY"]
    assert part.reference == "TY" and {part.against(row) for row in part.rows} == {"TY"}
    assert part.title == "part" and not part.noise
    other = "Baseline + Data Aug, other seeds"
    assert table.only("Baseline + Data Aug", other).noise == (other,)
    with pytest.raises(InputError, match="'ty' is none of this table's rows: 'Baseline', "):
        table.only("ty")


def test_finished_runs_are_checked_without_the_devices(tmp_path, monkeypatch):
    """A table that holds a TPU would leave none to the runs that it starts."""

    def taken(*_):
        raise AssertionError("the table asked for the devices")

    for name in ("devices", "process_count", "process_index"):
        monkeypatch.setattr(jax, name, taken)
    run = row_arm(TEACHER, "marionette", 0, tmp_path)
    finish(run, 0.5, 0)
    assert settled(plan([run], [])) == {run.folder}
