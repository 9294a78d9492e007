"""Each video is taught by the teacher that has not been trained on it; others are refused."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import build

from vidkd_jax import augment, methods
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.run import judging
from vidkd_jax.run.asking import pick_rows
from vidkd_jax.run.state import create_variables


@dataclasses.dataclass(frozen=True)
class Listening(methods.Distillation):
    """Logs what the one teacher says of each clip, in a sum that tells the clips apart."""

    def metrics(self, student, teachers, context):
        (teacher,) = teachers["frozen"]
        return {"heard": jnp.sum(teacher["logits"][:, 0] * (1 + context.batch["video"]))}


@pytest.fixture(scope="module")
def fold_teachers(small_config, tmp_path_factory):
    """Two untrained networks whose cards are those of runs without fold 1 and without fold 2."""
    run = build(small_config(method__name="supervised", data__folds=2, data__fold=1))
    assert (run.card.folds, run.card.fold) == (2, 1)
    folders = []
    for fold in (1, 2):
        folder = tmp_path_factory.mktemp(f"fold{fold}")
        card = dataclasses.replace(run.card, fold=fold)
        model = weights.network_of(card)
        variables = create_variables(jax.random.key(fold), (4, 24, 24, 3), model=model)
        weights.save(folder, card, variables)
        folders.append(str(folder))
    return folders


@pytest.fixture
def student(small_config, fold_teachers, monkeypatch):
    monkeypatch.setitem(methods._METHODS, "listening", Listening)

    def make(folders=fold_teachers, **options):
        fields = {"teachers__cross_fitted": True, "data__folds": 2, "augment__enabled": False}
        config = small_config(teachers__runs=tuple(folders), **{**fields, **options})
        if "method__name" not in options:
            with config.unlocked():
                config.method.name = "listening"
        return config

    return make


def heard(run, batch):
    """Returns what a step logs."""
    arguments = run.initial_state(), run.teachers.first, run.shard(batch), run.key
    return float(run.train_step(*arguments)[1]["heard"])


def test_each_video_is_taught_by_the_network_that_has_not_seen_it(student, fold_teachers):
    run = build(student(fold_teachers[::-1]))  # in any order
    batch = next(run.train_batches)
    folds = [run.splits.folds[run.splits.train.videos[v].group] for v in batch["video"]]
    assert set(folds) == {1, 2}
    clip = augment.normalise(jnp.asarray(batch["clip"]))
    expected = 0.0
    for folder, fold in zip(fold_teachers, (1, 2), strict=True):
        card, variables = weights.load(Path(folder))
        said = weights.network_of(card).apply(variables.as_dict(), clip[:, 0], train=False)
        own = np.asarray(folds) == fold  # the network of this fold was trained without it
        expected += np.sum(said["logits"][:, 0] * (1 + batch["video"]), where=own)
    np.testing.assert_allclose(heard(run, batch), expected, rtol=1e-3)
    assert len(run.frozen.shapes) == 1


def test_videos_that_no_teacher_has_seen_are_answered_by_their_mean(student):
    run = build(student())
    exam = judging.Exam(run.eval_clips(run.splits.val, middle=True), "val")
    answers = judging.ask(run, run.teachers.first, exam)["frozen"]
    each = [
        np.concatenate([np.asarray(ask(v, b)["logits"])[b["mask"]] for b in batches])
        for ask, v in zip(run.ask["frozen"], run.teachers.first["frozen"], strict=True)
        for batches in [run.eval_batches(exam.clips)]
    ]
    expected = np.mean([jax.nn.softmax(logits) for logits in each], axis=0)
    np.testing.assert_allclose(answers, expected, rtol=1e-4)


def test_rows_are_picked_whatever_their_shape():
    answers = tuple(
        {"logits": jnp.full((3, 2), n), "block": jnp.full((3, 1, 2, 2), 10 + n)} for n in range(3)
    )
    found = pick_rows(answers, jnp.array([2, 0, 1]))
    assert found["logits"][:, 0].tolist() == [2, 0, 1]
    assert found["block"][:, 0, 1, 1].tolist() == [12, 10, 11]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runs": (0,)}, r"data\.folds=2, the teachers .* theirs are: fold 1 of 2"),
        ({"runs": (0, 0)}, "theirs are: fold 1 of 2, fold 1 of 2"),
        ({"data__folds": 3}, r"data\.fold=1 to 3, one each; theirs are: fold 1 of 2, fold 2 of 2"),
        ({"method__teacher_weights": (1.0, 2.0)}, "teacher_weights: cross-fitted teachers are one"),
        (
            {"method__name": "supervised", "runs": ()},
            "method 'supervised' takes no trained teacher",
        ),
        ({"method__name": "relational"}, "method 'relational' compares features"),
        ({"method__name": "dist_init"}, "method 'dist_init' compares features"),
        ({"change": {"dataset": "other"}}, "was trained on other records than data.name='ucf101'"),
        ({"change": {"records": "0"}}, "was trained on other records"),
        (
            {"change": {"selected_on": "fold"}},
            r"chosen by the videos that it is to teach .*groups'",
        ),
        ({"change": {"width": 1 / 16}}, "outputs have different shapes; use networks of one kind"),
    ],
)
def test_teachers_that_are_not_one_of_each_fold_are_refused(
    options, message, student, fold_teachers, tmp_path
):
    options = dict(options)
    folders = [fold_teachers[n] for n in options.pop("runs", (0, 1))]
    if change := options.pop("change", None):
        card = dataclasses.replace(weights.load_card(Path(fold_teachers[1])), **change)
        model = weights.network_of(card)
        variables = create_variables(jax.random.key(0), (4, 24, 24, 3), model=model)
        weights.save(tmp_path, card, variables)
        folders[1] = str(tmp_path)
    with pytest.raises(InputError, match=message):
        build(student(folders, **options))
