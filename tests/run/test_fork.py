"""Runs that fork: they go on from the whole state of another run after one of its epochs."""

import json
import shutil

import jax
import numpy as np
import pytest
from small_runs import build, learned

from vidkd_jax import train
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints, load_epoch
from vidkd_jax.run import beginning, judging, origins
from vidkd_jax.run.schedule import Schedule
from vidkd_jax.settings.config import read

# Four steps an epoch, so that the order of the clips matters; a cosine, whose rate depends on the
# epoch; AdamW, whose state has moments and a count.
OPTIONS = {
    "method__name": "supervised",
    "train__repeats": 2,
    "optim__name": "adamw",
    "schedule__name": "cosine",
    "train__epochs": 3,
}


@pytest.fixture(scope="module")
def trunk(tmp_path_factory, small_config):
    """The folder of a finished run of three epochs that has kept its state after the first."""
    folder = tmp_path_factory.mktemp("runs") / "trunk"
    train.train_and_evaluate(small_config(**OPTIONS, train__keep_epochs=(1,)), folder)
    return folder


@pytest.fixture
def forked(small_config, trunk):
    def make(**overrides):
        options = {**OPTIONS, "train__fork_from": str(trunk), "train__fork_epoch": 1}
        return small_config(**{**options, **overrides})

    return make


def final_state(folder):
    state, progress = load_epoch(folder, 3)
    return state, {name: value for name, value in progress.items() if name != "train_seconds"}


def same(tree, other):
    return jax.tree.all(jax.tree.map(np.array_equal, tree, other))


def test_a_fork_that_changes_nothing_ends_as_its_trunk_to_the_bit(trunk, forked, tmp_path):
    train.train_and_evaluate(forked(), tmp_path)
    state, progress = final_state(tmp_path)
    expected, expected_progress = final_state(trunk)
    assert same(state, expected)
    assert state["step"] == expected["step"] == 3 * 4
    assert progress["learning_rate"] == expected_progress["learning_rate"]
    records, trunks = (learned(folder)[0] for folder in (tmp_path, trunk))
    later = [r for r in trunks if r["epoch"] > 1 and r["split"] == "train"]
    assert [r for r in records if r["split"] == "train"] == later


def test_another_seed_draws_other_clips_from_the_same_state(trunk, forked, tmp_path):
    config = forked(seed=7)
    state, progress, _, _ = beginning.begin(build(config), Checkpoints(tmp_path / "start"))
    saved, _ = load_epoch(trunk, 1)
    assert same(state.variables.params, saved["variables"]["params"])
    assert progress.epoch == progress.best_epoch == 1
    train.train_and_evaluate(config, tmp_path / "run")
    assert not same(final_state(tmp_path / "run")[0], final_state(trunk)[0])


@pytest.mark.slow
def test_a_killed_fork_goes_on_to_the_same_bits(forked, tmp_path):
    # A cosine's length is the run's own; a schedule of steps may be cut and gone on with.
    for epochs in (2, 3):
        steps = forked(schedule__name="steps", train__epochs=epochs)
        train.train_and_evaluate(steps, tmp_path / "cut")
    train.train_and_evaluate(forked(schedule__name="steps"), tmp_path / "uncut")
    assert same(final_state(tmp_path / "cut"), final_state(tmp_path / "uncut"))


def test_teaching_yourself_begins_with_the_trunk_as_its_teacher(trunk, forked, tmp_path):
    run = build(forked(method__name="teaching_yourself"))
    with Checkpoints(tmp_path) as checkpoints:
        state, progress, teachers, _ = beginning.begin(run, checkpoints)
    (teacher,) = teachers["best"]
    assert same(teacher.params, state.variables.params)
    assert progress.best_epoch == progress.trunk_best_epoch == 1
    assert 0 <= progress.best_accuracy <= 1


def test_the_first_best_of_a_fork_is_judged_beside_its_teachers(trunk, forked, tmp_path, capsys):
    """The trunk has no confidence: its head begins afresh."""
    teacher = (str(trunk),)
    run = build(forked(method__name="confidence_distillation", teachers__runs=teacher))
    with Checkpoints(tmp_path) as checkpoints:
        state, progress, _, _ = beginning.begin(run, checkpoints)
    assert progress.best_epoch == 1 and 0 <= progress.best_accuracy <= 1
    # Another figure selects, and what the trunk's had reached means nothing.
    assert progress.trunk_best == -1
    assert set(state.variables.params) == {"backbone", "logits", "confidence"}
    assert "fork begins afresh with" in capsys.readouterr().err


def test_what_a_trunk_of_an_unknown_method_has_reached_means_nothing(trunk, forked, tmp_path):
    own = shutil.copytree(trunk, tmp_path / "own")
    config = json.loads((own / "config.json").read_text())
    config["method"] = {"name": "my_own"}
    (own / "config.json").write_text(json.dumps(config))
    run = build(forked(train__fork_from=str(own)))
    _, progress = beginning.from_trunk(run, run.initial_state())
    assert (progress.trunk_best, progress.trunk_best_epoch) == (-1, 0)


@pytest.mark.parametrize("others", [False, True])
def test_how_well_a_trunk_knew_other_teachers_means_nothing(trunk, forked, tmp_path, others):
    """A confidence's figure has one name, whichever teachers it is of."""
    confident = {"method__name": "confidence_distillation", "teachers__runs": (str(trunk),)}
    run = build(forked(**confident))
    own = shutil.copytree(trunk, tmp_path / "own")
    config = json.loads((own / "config.json").read_text())
    config["method"] = {"name": "confidence_distillation"}
    config["network"][origins.TEACHERS] = ["others"] if others else list(run.frozen.digests)
    (own / "config.json").write_text(json.dumps(config))
    run = build(forked(**confident, train__fork_from=str(own)))
    _, progress = beginning.from_trunk(run, run.initial_state())
    assert (progress.best_epoch == 0) == others


@pytest.mark.parametrize("method", ["confidence_distillation", "teaching_yourself"])
def test_the_teachers_of_a_fork_are_asked_once_about_the_validation_videos(
    method, trunk, forked, tmp_path, monkeypatch
):
    """TY's teacher at the fork is the student that has just been judged: nobody asks it."""
    trained = method == "confidence_distillation"
    config = forked(method__name=method, teachers__runs=(str(trunk),) if trained else ())
    asked = []
    answer = judging._answer

    def counted(run, source, number, variables, exam):
        asked.append((source, exam.title))
        return answer(run, source, number, variables, exam)

    monkeypatch.setattr(judging, "_answer", counted)
    monkeypatch.setattr(train, "_train_epoch", lambda run, state, *_: state)
    train.train_and_evaluate(config, tmp_path)
    assert [each for each in asked if each[1] == "val"] == [("frozen", "val")] * trained


def test_a_moving_average_begins_at_the_trunk(trunk, forked, tmp_path):
    run = build(forked(method__name="moving_average"))
    state = beginning.begin(run, Checkpoints(tmp_path)).state
    assert same(state.memory["average"].params, state.variables.params)


def test_a_fork_of_its_own_method_keeps_the_memory(small_config, tmp_path):
    options = {**OPTIONS, "method__name": "moving_average"}
    train.train_and_evaluate(small_config(**options, train__keep_epochs=(1,)), tmp_path / "trunk")
    fork = {"train__fork_from": str(tmp_path / "trunk"), "train__fork_epoch": 1}
    train.train_and_evaluate(small_config(**options, **fork), tmp_path / "fork")
    ends = (final_state(tmp_path / name)[0] for name in ("fork", "trunk"))
    assert same(*ends)


def test_adapters_begin_afresh_and_are_listed(trunk, forked, tmp_path, capsys):
    hints = {
        "method__student_blocks": ("stage3_block1",),
        "method__blocks_of_teacher": ("stage3_block1",),
    }
    config = forked(method__name="hints", teachers__runs=(str(trunk),), **hints)
    run = build(config)
    state = beginning.begin(run, Checkpoints(tmp_path)).state
    saved, _ = load_epoch(trunk, 1)
    own = state.variables.params
    assert same(own["backbone"], saved["variables"]["params"]["backbone"])
    mu = next(part for part in saved["opt_state"]["inner_state"] if part)["mu"]["backbone"]
    found = jax.tree_util.tree_leaves(state.opt_state.inner_state[0].mu["backbone"])
    assert same(found, jax.tree_util.tree_leaves(mu))
    adapters = own.keys() - saved["variables"]["params"].keys()
    assert adapters
    said = capsys.readouterr().err
    assert "begins afresh with" in said
    assert all(name in said for name in adapters)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__width": 1 / 16}, r"config.model.width: 0.0625, but the trunk .* has 0.03125"),
        ({"data__val_fraction": 0.5}, "config.data.val_fraction: 0.5, but the trunk"),
        ({"optim__name": "sgd"}, "config.optim.name: 'sgd', but the trunk"),
        (
            {"optim__learning_rate": 0.5, "schedule__name": "plateau"},
            "config.optim.learning_rate: 0.5, but the trunk",
        ),
        ({"train__batch_size": 2}, "config.train.batch_size: 2, but the trunk"),
        ({"optim__multipliers": (("logits", 0.1),)}, r"trained opt_state/.*, and this run has no"),
        ({"method__name": "mutual_learning"}, r"trained .*, and this run has no such array"),
        ({"train__fork_from": "/nowhere"}, "'/nowhere' is not the folder of a run"),
    ],
)
def test_a_trunk_that_does_not_fit_is_refused(trunk, forked, tmp_path, overrides, message):
    config = forked(**overrides)
    with pytest.raises(InputError, match=message):
        beginning.from_trunk(run := build(config), run.initial_state())


@pytest.mark.parametrize(
    ("overrides", "rate"),
    [
        ({"schedule__name": "cosine"}, 0.5 * 0.75),  # (1 + cos(pi / 3)) / 2
        ({"schedule__name": "steps", "schedule__drops": (1,), "schedule__factor": 0.1}, 0.5 * 0.1),
    ],
)
def test_a_fork_has_the_rate_of_its_own_schedule_from_its_first_epoch_on(forked, overrides, rate):
    run = build(forked(optim__learning_rate=0.5, **overrides))
    _, progress = beginning.from_trunk(run, run.initial_state())
    assert progress.rate(Schedule.of(run.settings)) == pytest.approx(rate)


def test_a_trunk_may_be_of_a_method_that_is_not_known_here(trunk, forked, tmp_path):
    mine = shutil.copytree(trunk, tmp_path / "mine")
    config = json.loads((mine / "config.json").read_text())
    config["method"] = {"name": "mine"}
    (mine / "config.json").write_text(json.dumps(config))
    run = build(forked(train__fork_from=str(mine)))
    assert beginning.from_trunk(run, run.initial_state())[1].epoch == 1


def test_a_run_of_a_method_that_is_gone_is_named(trunk, forked, small_config, tmp_path):
    """So says whoever reads its settings: a table, or a run that would go on in its folder."""
    mine = shutil.copytree(trunk, tmp_path / "mine")
    config = json.loads((mine / "config.json").read_text())
    config["method"] = {"name": "temporal_segments"}
    (mine / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"/mine/config\.json': .*'temporal_segments'"):
        train.train_and_evaluate(small_config(**OPTIONS), mine)


def test_an_epoch_that_the_trunk_did_not_keep_is_named(trunk, tmp_path):
    with pytest.raises(InputError, match=r"epoch 9, but after epochs 1, 2, 3; its training has en"):
        load_epoch(trunk, 9)
    for epoch in (1, 3):
        (tmp_path / "checkpoints" / "latest" / str(epoch)).mkdir(parents=True)
    with pytest.raises(InputError, match=r"epoch 2, but after epochs 1, 3; train it with train"):
        load_epoch(tmp_path, 2)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train__fork_epoch": 0}, "set both, or neither"),
        ({"train__fork_from": ""}, "set both, or neither"),
        ({"train__fork_epoch": 3}, "nothing is left to train"),
        ({"model__init_from": "weights"}, "set one of them"),
    ],
)
def test_a_fork_needs_its_trunk_its_epoch_and_something_left_to_do(forked, overrides, message):
    with pytest.raises(InputError, match=message):
        read(forked(**overrides))


def test_a_finished_fork_knows_its_trunk_by_its_weights(trunk, forked, tmp_path):
    summary = train.train_and_evaluate(forked(), tmp_path / "fork")
    start = json.loads((tmp_path / "fork" / "config.json").read_text())["network"]["start"]
    moved = shutil.copytree(trunk, tmp_path / "moved")
    again = forked(train__fork_from=str(moved))
    assert train.train_and_evaluate(again, tmp_path / "fork") == summary
    assert len(start) == 1
    other = forked(train__fork_from=str(tmp_path / "other"))
    trained = forked(seed=3, train__fork_from="", train__fork_epoch=0, train__keep_epochs=(1,))
    train.train_and_evaluate(trained, tmp_path / "other")
    with pytest.raises(InputError, match=r"train.fork_from: the weights are not those that"):
        train.train_and_evaluate(other, tmp_path / "fork")


def test_a_trunk_that_has_not_improved_for_longer_than_the_fork_waits_is_refused(
    trunk, forked, tmp_path, monkeypatch
):
    """Its own schedule went on; a plateau of few epochs would stop before the first one."""
    state, progress = load_epoch(trunk, 1)
    stale = {**progress, "epoch": 9, "best_epoch": 1}
    monkeypatch.setattr(beginning, "load_epoch", lambda *_: (state, stale))
    config = forked(schedule__name="plateau", schedule__early_stopping=5)
    with pytest.raises(InputError, match=r"schedule\.early_stopping: 5 epochs, but .* epoch 1,"):
        beginning.begin(build(config), Checkpoints(tmp_path))


def test_a_trunk_that_ended_because_it_was_perfect_may_be_forked(trunk, forked, monkeypatch):
    state, progress = load_epoch(trunk, 1)
    ended = {**progress, "end": 1, "perfect": 1}
    monkeypatch.setattr(beginning, "load_epoch", lambda *_: (state, ended))
    run = build(forked())
    assert beginning.from_trunk(run, run.initial_state())[1].epoch == 1


def test_a_trunk_selected_on_the_test_list_is_handed_on(trunk, forked, tmp_path):
    copy = shutil.copytree(trunk, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["network"]["selected_on"] = "test"
    (copy / "config.json").write_text(json.dumps(config))
    assert build(forked(train__fork_from=str(copy))).card.selected_on == "test"
    assert weights.load_card(trunk).selected_on == "groups"


def test_a_trunk_of_other_videos_is_refused(trunk, forked, tmp_path):
    copy = shutil.copytree(trunk, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["network"]["records"] = "others-1"
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"copy' was run on other videos or lists than those"):
        build(forked(train__fork_from=str(copy)))
