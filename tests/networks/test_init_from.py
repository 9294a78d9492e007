"""Runs that start from public weights or from the weights of another run."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from small_runs import build

from vidkd_jax import train
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head
from vidkd_jax.models.normalisation import ACTIVITYNET, TY
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.checkpoints import Checkpoints
from vidkd_jax.run import beginning, init_from
from vidkd_jax.run.state import create_variables
from vidkd_jax.settings.config import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_config):
    """A folder as `convert` writes it, with four classes and another normalisation."""
    path = tmp_path_factory.mktemp("weights") / "net"
    run = build(small_config())
    model = run.student.model.clone(heads={"logits": Head(4)})
    variables = create_variables(jax.random.key(7), run.clip_shape, model=model)
    card = Card("ty_r3d_10", 1 / 32, 3, 4, 4, ACTIVITYNET)
    weights.save(path, card, variables)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_config, folder):
    """The workdir and the summary of a finished run of one epoch that started from `folder`."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    config = small_config(model__init_from=str(folder), train__epochs=1)
    return workdir, train.train_and_evaluate(config, workdir)


def same(tree, other):
    return jax.tree.all(jax.tree.map(np.array_equal, tree, other))


def test_starts_from_the_weights_with_a_new_head(folder, small_config, tmp_path, capsys):
    run = build(small_config(model__init_from=str(folder)))
    state = beginning.begin(run, Checkpoints(tmp_path)).state
    _, saved = weights.load(folder)
    assert same(state.variables.params["backbone"], saved.params["backbone"])
    assert same(state.variables.batch_stats, saved.batch_stats)
    fresh = run.initial_state().variables
    assert same(state.variables.params["logits"], fresh.params["logits"])
    assert not same(fresh.params["backbone"], saved.params["backbone"])
    assert "initialised fc: 4 classes in the checkpoint, 2 here" in capsys.readouterr().err


def test_a_classifier_of_as_many_other_classes_starts_afresh(small_config, tmp_path, capsys):
    """Its shape fits; what it knows are other actions."""
    run = build(small_config())
    variables = create_variables(jax.random.key(7), run.clip_shape, model=run.student_alone)
    fresh = run.initial_state().variables
    names = run.card.class_names
    for given, is_fresh in (((names[1], names[0]), True), (names, False), ((), False)):
        folder = tmp_path / "_".join(("net", *given))
        card = dataclasses.replace(run.card, class_names=given, records="", dataset="")
        weights.save(folder, card, variables)
        begun = build(small_config(model__init_from=str(folder)))
        state = beginning.begin(begun, Checkpoints(tmp_path / "none")).state
        assert same(state.variables.params["backbone"], variables.params["backbone"])
        assert same(state.variables.params["logits"], fresh.params["logits"]) == is_fresh
        said = capsys.readouterr().err
        assert (f"there it takes label 0 for {names[1]}, not {names[0]}" in said) == is_fresh


def test_network_and_records_have_the_weights_normalisation(folder, finished, small_config):
    workdir, summary = finished
    run = build(small_config(model__init_from=str(folder)))
    assert run.student.model.normalisation == ACTIVITYNET
    config = json.loads((workdir / "config.json").read_text())
    assert config["network"]["normalisation"]["mean"] == [114.7748, 107.7354, 99.475]
    start = weights.digests([str(folder)])
    beside = {"teachers": [], "start": start, "videos": run.splits.digest()}
    assert {**summary["network"], **beside} == config["network"]


def test_a_fork_normalises_as_its_trunk_does(folder, small_config, tmp_path):
    trunk = tmp_path / "trunk"
    train.train_and_evaluate(small_config(model__init_from=str(folder), train__epochs=1), trunk)
    run = build(small_config(train__fork_from=str(trunk), train__fork_epoch=1, train__epochs=2))
    assert run.card.normalisation == ACTIVITYNET
    assert run.student_alone.normalisation == ACTIVITYNET


def test_prediction_normalises_as_the_weights_want(folder, small_config):
    run = build(small_config(model__init_from=str(folder)))
    variables = beginning.from_weights(run, run.initial_state()).variables
    batch = next(iter(run.eval_batches(run.eval_clips(run.splits.val, middle=True))))
    found = run.predictor()(variables, batch)["logits"]
    pixels = np.asarray(batch["clip"][:, 0], np.float32) - np.float32(ACTIVITYNET.mean)
    plain = build(small_config()).student.model
    expected = plain.apply(variables.as_dict(), pixels, train=False)["logits"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_starts_from_a_finished_runs_best_student(finished, small_config, tmp_path, capsys):
    workdir, summary = finished
    run = build(small_config(model__init_from=str(workdir)))
    assert run.student.model.normalisation == ACTIVITYNET
    state = beginning.begin(run, Checkpoints(tmp_path)).state
    best = Checkpoints(workdir).load_best(summary["best_epoch"], state.variables)
    assert same(state.variables, best)
    assert "initialised" not in capsys.readouterr().err


def test_going_on_does_not_start_from_the_weights_again(finished, folder, small_config, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "run")
    hidden = (folder / "weights").rename(folder / "hidden")
    try:
        config = small_config(model__init_from=str(folder), train__epochs=2)
        assert train.train_and_evaluate(config, tmp_path / "run")["epochs"] == 2
    finally:
        hidden.rename(folder / "weights")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__width": 1 / 16}, r"weights of width=0\.03125, the run has width=0\.0625"),
        ({"model__name": "ty_r3d_34"}, "weights of model=ty_r3d_10, the run has model=ty_r3d_34"),
    ],
)
def test_another_networks_weights_are_refused(changes, message, folder, small_config):
    with pytest.raises(InputError, match=message):
        build(small_config(model__init_from=str(folder), **changes))


def test_weights_that_learnt_from_the_test_videos_are_refused(finished, small_config):
    config = small_config(model__init_from=str(finished[0]), data__split=2)
    with pytest.raises(InputError, match=r"was trained on split 1 of ucf101, which holds test"):
        init_from.cards(read(config))


def test_weights_that_learnt_from_the_videos_left_out_are_refused(finished, small_config):
    config = small_config(
        model__init_from=str(finished[0]), data__folds=3, data__fold=2, data__val="fold"
    )
    with pytest.raises(InputError, match=r"init_from: '.*' was trained on videos of fold 2 of 3"):
        init_from.cards(read(config))


def test_a_folder_without_weights_is_refused(small_config, tmp_path):
    with pytest.raises(InputError, match="holds no weights; give a folder that"):
        build(small_config(model__init_from=str(tmp_path)))


def test_a_damaged_folder_is_named(folder, small_config, tmp_path):
    shutil.copytree(folder, tmp_path / "cut")
    for path in (tmp_path / "cut" / "weights").rglob("*"):
        if path.is_file() and path.stat().st_size > 200:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cannot be read"):
        weights.load(tmp_path / "cut")
    card = json.loads((folder / "model.json").read_text())
    others = [{"num_classes": "two"}, {"sampler": 3}, {"sampler": {"kind": "Contiguous"}}]
    for damaged in ({}, *(card | other for other in others)):
        (tmp_path / "cut" / "model.json").write_text(json.dumps(damaged))
        with pytest.raises(InputError, match=r"does not say which network it is of"):
            weights.load(tmp_path / "cut")


def test_a_moving_average_starts_where_the_student_does(folder, small_config):
    run = build(small_config(method__name="moving_average", model__init_from=str(folder)))
    started = beginning.from_weights(run, run.initial_state())
    assert same(started.memory["average"].params, started.variables.params)


def test_weights_that_changed_since_the_run_began_are_refused(folder, small_config, tmp_path):
    shutil.copytree(folder, tmp_path / "weights")
    options = {"model__init_from": str(tmp_path / "weights")}
    train.train_and_evaluate(small_config(**options, train__epochs=1), tmp_path / "run")
    card, variables = weights.load(tmp_path / "weights")
    weights.save(tmp_path / "weights", dataclasses.replace(card, normalisation=TY), variables)
    with pytest.raises(InputError, match=r"its normalisation is .* now, the run"):
        train.train_and_evaluate(small_config(**options, train__epochs=2), tmp_path / "run")


def test_of_two_peers_the_first_starts_from_weights_and_the_other_afresh(
    folder, small_config, tmp_path
):
    config = small_config(method__name="mutual_learning", model__init_from=str(folder))
    run = build(config)
    started = beginning.from_weights(run, run.initial_state()).variables
    card, saved = weights.load(folder)
    assert same(started.params["student"]["backbone"], saved.params["backbone"])
    assert not same(started.params["peer"]["backbone"], saved.params["backbone"])
    weights.save(tmp_path / "peers", card, started)
    assert same(weights.load(tmp_path / "peers")[1].params, started.params["student"])


def test_a_finished_run_knows_the_weights_it_started_from_by_their_digest(
    folder, finished, small_config, tmp_path
):
    workdir, summary = finished
    moved = shutil.copytree(folder, tmp_path / "moved")
    again = small_config(model__init_from=str(moved), train__epochs=1)
    assert train.train_and_evaluate(again, workdir) == summary
    card, variables = weights.load(folder)
    other = dataclasses.replace(card)
    weights.save(tmp_path / "other", other, jax.tree.map(lambda leaf: 2 * leaf, variables))
    changed = small_config(model__init_from=str(tmp_path / "other"), train__epochs=1)
    with pytest.raises(InputError, match=r"model.init_from .*: the weights are not those that"):
        train.train_and_evaluate(changed, workdir)
