"""Runs with frozen teachers from other runs, with another network, clip length and size."""

import dataclasses
import json
import os
import shutil
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import build

from vidkd_jax import augment, methods, models, samplers, train
from vidkd_jax.data import EvalClips
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head, Normalisation
from vidkd_jax.models.normalisation import ACTIVITYNET_BGR
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card, on_other_lists, selected_on
from vidkd_jax.run import judging, kept, trained
from vidkd_jax.run.judging import Exam
from vidkd_jax.run.state import create_variables
from vidkd_jax.run.tracking import read_records
from vidkd_jax.run.validation import Validation
from vidkd_jax.samplers import Contiguous
from vidkd_jax.settings.config import read

# The teacher's clips are longer, denser and larger than the student's.
TEACHER = {
    "method__name": "supervised",
    "data__frames": 8,
    "data__stride": 1,
    "data__crop": 32,
    "model__width": 1 / 16,
}


@pytest.fixture(scope="module")
def teacher_run(small_config, tmp_path_factory):
    """A finished run of a teacher."""
    workdir = tmp_path_factory.mktemp("teacher")
    train.train_and_evaluate(small_config(**TEACHER, train__epochs=1), workdir)
    return workdir


def taught(small_config, *runs, **overrides):
    return small_config(
        method__name="distillation",
        teachers__runs=tuple(str(run) for run in runs),
        train__epochs=1,
        **overrides,
    )


def test_a_run_distils_from_a_finished_one_and_logs_their_agreement(
    teacher_run, small_config, tmp_path
):
    config = taught(small_config, teacher_run, data__crop=32, data__size=24)
    summary = train.train_and_evaluate(config, tmp_path)
    assert 0 <= summary["teacher_agreement"] <= 1 and summary["teacher_kl"] > 0
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    val = [record for record in records if record["split"] == "val"]
    assert all({"teacher_agreement", "teacher_kl"} <= set(record) for record in val)
    assert all(r["loss/kl"] > 0 for r in records if r["split"] == "train")


def test_each_network_gets_its_own_frames_and_size(teacher_run, small_config):
    run = build(taught(small_config, teacher_run, data__crop=32, data__size=24))
    # The student's frames are 0 2 4 6. The teacher's 0..7 are shifted so that the middles agree.
    assert run.spec.sampler.offsets == (-1, 0, 1, 2, 3, 4, 5, 6)
    assert run.student.frames == (1, 3, 5, 7) and run.student.size == 24
    batch = next(run.train_batches)
    assert batch["clip"].shape == (4, 1, 8, 32, 32, 3)
    assert run.clip_shape == (4, 24, 24, 3)


def test_what_a_teacher_says_in_a_run_is_what_it_says_by_itself(teacher_run, small_config):
    """In the student's run, a teacher gives the same logits as in its own run."""
    student = build(taught(small_config, teacher_run, data__crop=32, data__size=24))
    own = build(small_config(**TEACHER))
    _, variables = weights.load(teacher_run)
    batch = next(student.train_batches)
    (ask,), (teacher,) = student.ask["frozen"], student.teachers.first["frozen"]
    expected = own.predictor()(variables, batch)["logits"]
    np.testing.assert_allclose(ask(teacher, batch)["logits"], expected, rtol=1e-4)


def test_a_teacher_computes_in_the_students_type(teacher_run, small_config):
    run = build(taught(small_config, teacher_run, model__dtype="bfloat16"))
    (network,) = run.teachers.networks["frozen"]
    assert network.model.backbone.dtype == jnp.bfloat16


@pytest.mark.parametrize("kind", ["frozen", "own"])
def test_a_teacher_may_compute_in_a_type_of_its_own(kind, teacher_run, small_config):
    def said(**options):
        config = (
            taught(small_config, teacher_run, **options)
            if kind == "frozen"
            else small_config(method__first_teacher="random", **options)
        )
        run = build(config)
        batch, given = run.shard(next(run.train_batches)), run.teachers.first
        lowered = run.train_step.lower(run.initial_state(), given, batch, run.key).as_text()
        ((name, (teacher,)),) = given.items()
        logits = run.ask[name][0](teacher, jax.device_get(batch))["logits"]
        return np.asarray(logits), "bf16" in lowered

    (exact, exact_is_bf16), (rounded, rounded_is_bf16) = said(), said(teachers__dtype="bfloat16")
    assert (exact_is_bf16, rounded_is_bf16) == (False, True)
    assert 0 < np.abs(rounded - exact).max() < 0.05 * max(1, np.abs(exact).max())


def test_a_type_for_teachers_that_there_are_not_is_refused(small_config):
    with pytest.raises(InputError, match=r"teachers\.dtype: method 'supervised' has no teacher"):
        build(small_config(method__name="supervised", teachers__dtype="bfloat16"))
    with pytest.raises(
        InputError, match=r"teachers\.dtype: method 'mutual_learning' has a peer al"
    ):
        build(small_config(method__name="mutual_learning", teachers__dtype="bfloat16"))


def test_converted_weights_teach_with_a_normalisation_of_their_own(small_config, tmp_path):
    """The teacher's family, scale and order of channels differ from the student's."""
    model = models.create("r3d_18", 2, width=1 / 32, normalisation=ACTIVITYNET_BGR)
    variables = create_variables(jax.random.key(5), (4, 24, 24, 3), model=model)
    weights.save(tmp_path, Card("r3d_18", 1 / 32, 3, 2, 4, ACTIVITYNET_BGR, stride=2), variables)
    run = build(taught(small_config, tmp_path))
    assert run.student.model.normalisation != ACTIVITYNET_BGR
    batch = next(run.train_batches)
    pixels = batch["clip"][:, 0, ..., ::-1].astype(np.float32) - np.array(ACTIVITYNET_BGR.mean)
    plain = model.clone(normalisation=Normalisation())
    expected = plain.apply(variables.as_dict(), pixels, train=False)["logits"]
    (ask,), (teacher,) = run.ask["frozen"], run.teachers.first["frozen"]
    said = ask(teacher, batch)["logits"]
    np.testing.assert_allclose(said, expected, rtol=1e-3, atol=1e-4)
    _, metrics = run.train_step(run.initial_state(), run.teachers.first, run.shard(batch), run.key)
    assert float(metrics["loss/kl"]) > 0


def test_a_random_classifier_does_not_teach_classes(small_config, tmp_path):
    model = models.create("r3d_18", 2, width=1 / 32, normalisation=ACTIVITYNET_BGR)
    variables = create_variables(jax.random.key(5), (4, 24, 24, 3), model=model)
    card = Card("r3d_18", 1 / 32, 3, 2, 4, ACTIVITYNET_BGR, has_classifier=False)
    weights.save(tmp_path, card, variables)
    run = {"teachers__runs": (str(tmp_path),)}
    for method in ("distillation", "decoupled"):
        with pytest.raises(InputError, match=rf"classifier of .* is random: .* '{method}'"):
            build(small_config(method__name=method, **run))
    # Its features teach, but no agreement with its classes is logged.
    config = small_config(method__name="feature_matching", train__epochs=1, **run)
    summary = train.train_and_evaluate(config, tmp_path / "student")
    records = read_records(tmp_path / "student/metrics.jsonl")
    assert any("loss/features" in record for record in records)
    assert not any("agreement" in name for record in (*records, summary) for name in record)


def test_two_teachers_share_the_soft_targets(teacher_run, small_config, tmp_path):
    config = taught(
        small_config, teacher_run, teacher_run, data__crop=32, method__teacher_weights=(2.0, 1.0)
    )
    run = build(config)
    teachers = run.teachers.first
    assert len(teachers["frozen"]) == len(run.ask["frozen"]) == 2
    batch = run.shard(next(run.train_batches))
    _, metrics = run.train_step(run.initial_state(), teachers, batch, run.key)
    assert float(metrics["loss/kl"]) > 0


def test_agreement_is_with_the_teachers_as_they_are_weighted(teacher_run, small_config, tmp_path):
    other = tmp_path / "other"
    train.train_and_evaluate(small_config(**TEACHER, train__epochs=1, seed=1), other)
    both = taught(
        small_config, other, teacher_run, data__crop=32, method__teacher_weights=(0.0, 1.0)
    )
    alone = taught(small_config, teacher_run, data__crop=32)
    asked = [
        judging.ask(
            run, run.teachers.first, Exam(run.eval_clips(run.splits.val, middle=True), "val")
        )["frozen"]
        for run in (build(config) for config in (both, alone))
    ]
    np.testing.assert_allclose(*asked, rtol=1e-5)


def test_a_teachers_answers_are_kept_for_further_runs(
    teacher_run, small_config, tmp_path, monkeypatch
):
    folder = tmp_path / "kept"
    options = {
        "method__name": "distillation",
        "teachers__runs": (str(teacher_run),),
        "eval__keep_answers": str(folder),
    }
    run = build(small_config(**options))

    def ask(run, max_clips, subset="val"):
        exam = Exam(EvalClips(getattr(run.splits, subset), run.spec, max_clips), "val")
        return judging.ask(run, run.teachers.first, exam)["frozen"]

    first = ask(run, None)
    whole = ask(run, 3)  # other clips, so another file
    assert len(whole) > len(first) and len([*folder.iterdir()]) == 2
    other = build(small_config(**options, data__stride=1, seed=5))  # the student's clips differ
    moved = ask(other, 3)
    assert len([*folder.iterdir()]) == 3 and not np.array_equal(moved[: len(whole)], whole)

    def refuse(*arguments):
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr(judging, "_collect", refuse)
    np.testing.assert_array_equal(ask(build(small_config(**options, seed=9)), 3), whole)
    np.testing.assert_array_equal(ask(run, None), first)
    with pytest.raises(AssertionError, match="asked again"):
        ask(run, None, "test")


def test_answers_that_cannot_be_kept_are_not_asked_for(teacher_run, small_config, tmp_path):
    run = build(taught(small_config, teacher_run))
    (network,) = run.teachers.networks["frozen"]
    (tmp_path / "file").write_text("")

    def ask():
        raise AssertionError("asked")

    where = {"clips": EvalClips(run.splits.val, run.spec, 3), "data": run.settings.data}
    with pytest.raises(InputError, match=r"config\.eval\.keep_answers=.*file: cannot be written"):
        kept.kept(tmp_path / "file", "digest", network, ask, **where, records="r")


def test_what_was_kept_of_fewer_outputs_is_asked_again(teacher_run, small_config, tmp_path):
    """A study wants a network's confidence, too, of which a run has kept the classifier alone."""
    run = build(taught(small_config, teacher_run))
    (network,) = run.teachers.networks["frozen"]
    asked = []

    def told(*outputs):
        def ask():
            asked.append(outputs)
            return {name: np.ones(2) for name in outputs}

        where = {"clips": EvalClips(run.splits.val, run.spec, 3), "data": run.settings.data}
        return kept.kept(
            tmp_path, "digest", network, ask, **where, records="r", outputs=outputs
        ).keys()

    assert told("logits") == {"logits"}
    assert told("logits", "confidence") == {"logits", "confidence"}
    assert told("logits") == {"logits", "confidence"} and len(asked) == 2
    assert told("features") == {"logits", "confidence", "features"} and len(asked) == 3
    assert "confidence" in told("confidence") and len(asked) == 3


def test_kept_answers_are_of_one_backbone_arithmetic_and_normalisation(teacher_run, small_config):
    run = build(taught(small_config, teacher_run))
    (network,) = run.teachers.networks["frozen"]
    model = network.model
    others = (
        model.clone(backbone=model.backbone.clone(dtype=jnp.bfloat16)),
        model.clone(normalisation=ACTIVITYNET_BGR),
        model.clone(backbone=models.create("i3d_resnet50", 5).backbone),
        model.clone(backbone=models.create("i3d_resnet50_caffe2", 5).backbone),
        model.clone(backbone=model.backbone.clone(dtype=np.dtype("float32"))),
    )
    clips = run.eval_clips(run.splits.val)
    (own, rounded, coloured, padded, caffe2, same) = (
        kept._identity(clips, run.settings.data, "r", dataclasses.replace(network, model=each))
        for each in (model, *others)
    )
    assert len({own, rounded, coloured, padded, caffe2}) == 5 and same == own


def test_kept_answers_about_records_are_not_taken_for_those_about_their_files(
    teacher_run, small_config, square_videos
):
    """Both have one identity, but records hold JPEGs."""
    files = {name: str(square_videos / name) for name in ("videos", "annotations")}
    runs = [
        build(taught(small_config, teacher_run, **options))
        for options in (
            {},
            {"data__source": "videos", **{f"data__{n}": v for n, v in files.items()}},
        )
    ]
    assert runs[0].card.records == runs[1].card.records
    kept_as = {
        kept._identity(
            run.eval_clips(run.splits.val),
            run.settings.data,
            run.card.records,
            run.teachers.networks["frozen"][0],
        )
        for run in runs
    }
    assert len(kept_as) == 2


def test_a_run_of_a_method_that_is_not_known_here_teaches(teacher_run, small_config, tmp_path):
    """Only its weights are needed."""
    mine = shutil.copytree(teacher_run, tmp_path / "mine")
    config = json.loads((mine / "config.json").read_text())
    config["method"] = {"name": "mine", "strength": 3}
    (mine / "config.json").write_text(json.dumps(config))
    run = build(taught(small_config, mine))
    assert len(run.teachers.first["frozen"]) == 1


@pytest.mark.parametrize("dtype", ["", "bfloat16"])
def test_a_promoted_student_is_asked_as_a_run_that_is_resumed_asks(small_config, dtype):
    run = build(small_config(teachers__dtype=dtype))
    state = run.initial_state()
    teachers = run.teachers.promoted({}, state.variables)
    promoted, resumed = Validation(run, {}), Validation(run, teachers)
    promoted.judge(state, 1)
    promoted.promote(teachers)
    np.testing.assert_array_equal(promoted._answers["best"], resumed._answers["best"])


def test_all_processes_ask_teachers_in_one_order(monkeypatch):
    """The order of a set of names is another in each process."""
    asked = []
    monkeypatch.setattr(judging, "_answer", lambda _run, name, *_: asked.append(name) or 1.0)
    names = [f"source{number}" for number in range(9)]
    teachers = SimpleNamespace(know_classes=frozenset(names), shares=lambda _: None)
    judging.ask(SimpleNamespace(teachers=teachers), dict.fromkeys(names, (None,)), None)
    assert asked == names


def test_answers_that_two_runs_keep_at_a_time_do_not_mix(tmp_path, monkeypatch):
    path, save = tmp_path / "answers.npz", np.savez_compressed
    ours, theirs = ({"logits": np.full((500, 7), value)} for value in (1.0, 2.0))

    def interrupted(file, **arrays):
        """Writes a half, lets the other run write all, and goes on."""
        monkeypatch.setattr(np, "savez_compressed", save)
        file.write(b"begun")
        file.flush()
        kept._save(path, theirs)
        file.seek(0)
        save(file, **arrays)

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    kept._save(path, ours)
    np.testing.assert_array_equal(kept._load(path)["logits"], ours["logits"])
    assert [*tmp_path.iterdir()] == [path]


def test_a_run_goes_on_with_the_teacher_that_it_began_with(teacher_run, small_config, tmp_path):
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    shutil.copytree(teacher_run, teacher)
    train.train_and_evaluate(taught(small_config, teacher, data__crop=32), student)
    shutil.rmtree(teacher)
    train.train_and_evaluate(small_config(**TEACHER, train__epochs=1, seed=1), teacher)
    config = taught(small_config, teacher, data__crop=32)
    config.train.epochs = 2
    with pytest.raises(InputError, match=r"teachers\.runs: the weights are not those that the"):
        train.train_and_evaluate(config, student)


def test_hints_reach_blocks_by_name(teacher_run, small_config):
    config = small_config(
        method__name="hints",
        method__student_blocks=("stage3_block1",),
        method__blocks_of_teacher=("stage4_block1",),
        teachers__runs=(str(teacher_run),),
        data__crop=32,
    )
    run = build(config)
    state = run.initial_state()
    adapter = state.variables.params["adapter stage3_block1"]["kernel"]
    assert adapter.shape == (4, 16)  # the student's 128 / 32 channels to the teacher's 256 / 16
    before = np.asarray(adapter)
    state, metrics = run.train_step(
        state, run.teachers.first, run.shard(next(run.train_batches)), run.key
    )
    assert float(metrics["loss/hint_stage3_block1"]) > 0
    assert not np.array_equal(before, state.variables.params["adapter stage3_block1"]["kernel"])


def test_peers_train_through_a_whole_run(small_config, tmp_path):
    config = small_config(method__name="mutual_learning", train__epochs=1)
    summary = train.train_and_evaluate(config, tmp_path)
    assert 0 <= summary["video_top1"] <= 1
    assert summary["weights"] == weights.digest(weights.load(tmp_path)[1])
    (val,) = [r for r in read_records(tmp_path / "metrics.jsonl") if r["split"] == "val"]
    assert 0 <= val["teacher_agreement"] <= 1 and val["teacher_kl"] > 0


def test_a_peer_is_asked_as_it_answers_beside_the_student(small_config):
    run = build(small_config(method__name="mutual_learning"))
    state, batch = run.initial_state(), next(run.train_batches)
    (peer,) = run.teachers.moving(state)["peer"]
    both = run.student.infer(state.variables, {"clip": augment.normalise(batch["clip"])})
    alone = run.ask["peer"][0](peer, batch)["logits"]
    np.testing.assert_allclose(alone, both["peer/logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_moving_average_is_saved_and_goes_on(small_config, tmp_path):
    whole = train.train_and_evaluate(
        small_config(method__name="moving_average", train__epochs=2), tmp_path / "whole"
    )
    train.train_and_evaluate(
        small_config(method__name="moving_average", train__epochs=1), tmp_path / "parts"
    )
    parts = train.train_and_evaluate(
        small_config(method__name="moving_average", train__epochs=2), tmp_path / "parts"
    )
    assert whole["nll"] == parts["nll"] and whole["video_top1"] == parts["video_top1"]
    records = read_records(tmp_path / "whole" / "metrics.jsonl")
    agreed = [r["teacher_agreement"] for r in records if r["split"] == "val"]
    assert len(agreed) == 2 and all(0 <= share <= 1 for share in agreed)


@pytest.mark.parametrize(
    ("method", "count", "message"),
    [
        ("distillation", 0, "needs at least one"),
        ("feature_matching", 2, "needs exactly one"),
        ("supervised", 1, "takes none"),
        ("teaching_yourself", 1, "takes none"),
    ],
)
def test_the_number_of_teachers_must_fit_the_method(
    teacher_run, small_config, method, count, message
):
    config = small_config(method__name=method, teachers__runs=(str(teacher_run),) * count)
    with pytest.raises(InputError, match=rf"teachers\.runs: names {count} .*{message}"):
        build(config)


def test_a_folder_that_is_no_run_is_named(small_config, tmp_path):
    with pytest.raises(InputError, match="is no folder; give a folder that"):
        build(taught(small_config, tmp_path / "nothing"))
    (tmp_path / "begun").mkdir()
    with pytest.raises(InputError, match="begun' holds no weights"):
        build(taught(small_config, tmp_path / "begun"))
    near = rf"^config\.teachers\.runs: .*bgun' is no folder \(did you mean '{tmp_path}/begun'\?\)"
    with pytest.raises(InputError, match=near):
        build(taught(small_config, tmp_path / "bgun"))
    (tmp_path / "begun/config.json").write_text("{}")
    with pytest.raises(InputError, match="begun' is not finished; run its command again"):
        build(taught(small_config, tmp_path / "begun"))


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        (("Left", "Right", "Up"), 1, "knows 2 classes, not 3 as the data set has"),
        (("Left", "Up"), 1, "takes label 1 for Right, not Up as the data set has"),
        (("Left", "Right"), 2, "was trained on split 1 of ucf101, which holds test videos"),
    ],
)
def test_a_teacher_of_other_data_is_named(teacher_run, small_config, names, split, message):
    config = taught(small_config, teacher_run, data__split=split)
    with pytest.raises(InputError, match=message):
        trained.load(read(config), names, Contiguous(4, 2))


def test_a_teacher_of_changes_is_not_shown_still_clips(teacher_run, small_config, tmp_path):
    changes = shutil.copytree(teacher_run, tmp_path / "changes")
    summary = json.loads((changes / "summary.json").read_text())
    summary["network"]["normalisation"]["residual"] = "circular"
    (changes / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(InputError, match=r"config.data.sampler: 'still', but the teacher '.*chang"):
        build(taught(small_config, changes, data__sampler="still"))


def test_a_teacher_of_still_clips_is_not_shown_motion(teacher_run, small_config, tmp_path):
    still = shutil.copytree(teacher_run, tmp_path / "still")
    config = json.loads((still / "config.json").read_text())
    config["data"]["sampler"] = "still"
    (still / "config.json").write_text(json.dumps(config))
    message = r"still' has seen clips of one frame repeated alone .*, or set data\.sampler='still'"
    with pytest.raises(InputError, match=message):
        trained.load(read(taught(small_config, still)), ("Left", "Right"), Contiguous(4, 2))
    alike = taught(small_config, still, data__sampler="still")
    assert trained.load(read(alike), ("Left", "Right"), Contiguous(4, 2))


@pytest.mark.parametrize("stride", [2, 3])
def test_each_network_sees_its_own_middle_frame_of_still_clips(teacher_run, small_config, stride):
    """A student beside a teacher sees what it will see alone."""
    still = {"data__sampler": "still", "data__stride": stride}
    run = build(taught(small_config, teacher_run, **still))
    alone = build(small_config(method__name="supervised", **still))
    clips = jnp.arange(run.spec.sampler.offsets[-1] + 40)[:, None, None, None]

    def seen(network, sampler):
        frames = jnp.asarray(sampler.offsets)
        return network.see({"clip": clips[frames][None, None]})[0, :, 0, 0, 0].tolist()

    assert seen(alone.student, alone.spec.sampler) == [2 * stride] * 4
    assert seen(run.student, run.spec.sampler) == [2 * stride] * 4
    (teacher,) = run.teachers.networks["frozen"]
    card = weights.load_card(teacher_run)
    own = range(0, card.frames * card.stride, card.stride)
    start = samplers.start_beside(range(0, 4 * stride, stride), own)
    assert seen(teacher, run.spec.sampler) == [start + own[len(own) // 2]] * len(own)


def test_a_teacher_that_knows_the_fold_is_refused(teacher_run, small_config):
    folds = {"data__folds": 2, "data__fold": 1, "data__val": "fold"}
    config = taught(small_config, teacher_run, **folds)
    with pytest.raises(
        InputError, match=r"teachers\.runs: '.*' was trained on videos of fold 1 of"
    ):
        trained.load(read(config), ("Left", "Right"), Contiguous(4, 2))


def test_a_corrected_command_may_use_the_workdir_of_one_that_never_trained(
    teacher_run, small_config, tmp_path
):
    wrong = taught(small_config, teacher_run, method__teacher_weights=(1.0, 2.0), data__crop=32)
    with pytest.raises(InputError, match="2 weights for 1 teachers"):
        train.train_and_evaluate(wrong, tmp_path)
    right = taught(small_config, os.path.relpath(teacher_run), data__crop=32)
    summary = train.train_and_evaluate(right, tmp_path)
    # The student records the digest of the teacher's weights, which is in the teacher's summary.
    learnt = json.loads((tmp_path / "config.json").read_text())["network"]["teachers"]
    assert learnt == [json.loads((teacher_run / "summary.json").read_text())["weights"]]
    # A finished run is recognised even if its teacher is named by another path or mount.
    elsewhere = shutil.copytree(teacher_run, tmp_path / "mount")
    for folder in (teacher_run, elsewhere):
        again = taught(small_config, folder, data__crop=32)
        assert train.train_and_evaluate(again, tmp_path) == summary
    _, variables = weights.load(elsewhere)
    scaled = jax.tree.map(lambda leaf: 2 * leaf, variables)
    other = tmp_path / "other"
    weights.save(other, weights.load_card(teacher_run), scaled)
    with pytest.raises(InputError, match=r"are not those that the run in .* began with"):
        train.train_and_evaluate(taught(small_config, other, data__crop=32), tmp_path)


def test_a_weight_for_each_teacher_or_none(teacher_run, small_config):
    config = taught(small_config, *[teacher_run] * 2, method__teacher_weights=(1.0, 2.0, 3.0))
    with pytest.raises(InputError, match="3 weights for 2 teachers"):
        build(config)


def test_selection_on_the_test_list_is_handed_on(teacher_run, small_config, tmp_path):
    """If a teacher's epoch was chosen on the test list, its student counts as chosen on it, too."""
    copy = shutil.copytree(teacher_run, tmp_path / "teacher")
    summary = json.loads((copy / "summary.json").read_text())
    assert summary["network"]["selected_on"] == summary["model_selection"] == "groups"
    summary["network"]["selected_on"] = "test"
    (copy / "summary.json").write_text(json.dumps(summary))
    assert build(taught(small_config, teacher_run)).card.selected_on == "groups"
    assert build(taught(small_config, copy)).card.selected_on == "test"
    started = small_config(
        method__name="supervised",
        model__init_from=str(copy),
        **{name: TEACHER[name] for name in TEACHER if name != "method__name"},
    )
    assert build(started).card.selected_on == "test"
    card = weights.load_card(copy)
    assert selected_on("groups", "another", [card]) == "groups"


def test_a_teacher_of_other_lists_is_known(teacher_run, small_config, tmp_path):
    """A video more in the lists may move groups between training and test."""
    copy = shutil.copytree(teacher_run, tmp_path / "teacher")
    summary = json.loads((copy / "summary.json").read_text())
    assert summary["on_other_lists"] is False
    lists, _, videos = summary["network"]["records"].partition("-")
    for records, known in ((f"{lists}-elsewhere", False), (f"others-{videos}", True), ("", False)):
        summary["network"]["records"] = records
        (copy / "summary.json").write_text(json.dumps(summary))
        assert build(taught(small_config, copy)).card.on_other_lists is known
    card = weights.load_card(teacher_run)
    assert not on_other_lists("others-1", "another", [card])
    student = dataclasses.replace(card, on_other_lists=True)  # of such a teacher
    assert on_other_lists(card.records, card.dataset, [student])
    assert not on_other_lists(card.records, "another", [student])


def test_a_cosine_of_another_length_is_another_run(small_config, tmp_path):
    short = small_config(schedule__name="cosine", train__epochs=1)
    train.train_and_evaluate(short, tmp_path)
    with pytest.raises(InputError, match=r"holds a run with train\.epochs=1, not 2"):
        train.train_and_evaluate(small_config(schedule__name="cosine", train__epochs=2), tmp_path)


@pytest.mark.parametrize(
    ("whose", "name", "near"),
    [
        ("student_blocks", "stage3_blok1", "stage3_block1"),
        ("blocks_of_teacher", "stage3_blok1", "stage3_block1"),
        ("student_blocks", "", ""),  # the backbone itself is none
        ("blocks_of_teacher", "", ""),
    ],
)
def test_a_block_that_is_not_there_is_named_with_the_nearest(
    whose, name, near, teacher_run, small_config
):
    blocks = {
        f"method__{part}": ("stage4_block1",) for part in ("student_blocks", "blocks_of_teacher")
    }
    config = small_config(
        method__name="attention_transfer",
        **{**blocks, f"method__{whose}": (name,)},
        teachers__runs=(str(teacher_run),),
    )
    folder = f"'{teacher_run}': " if whose == "blocks_of_teacher" else ""
    with pytest.raises(InputError, match=rf"{folder}no block '{name}'.*{near}"):
        build(config).initial_state()


def test_a_teacher_of_other_classes_teaches_features_and_no_classes(
    teacher_run, small_config, tmp_path
):
    """A teacher from ImageNet or Places has other classes; only losses of logits need the same."""
    card, variables = weights.load(teacher_run)
    variables.params["logits"] = {"kernel": np.ones((32, 365)), "bias": np.zeros(365)}
    names = tuple(f"place{number}" for number in range(365))
    other = dataclasses.replace(card, num_classes=365, class_names=names, dataset="places")
    weights.save(tmp_path / "places", other, variables)
    options = {"teachers__runs": (str(tmp_path / "places"),), "data__crop": 32}
    for name in ("distillation", "decoupled"):
        with pytest.raises(InputError, match="knows 365 classes, not 2 as the data set has; use"):
            build(small_config(method__name=name, **options))
    config = small_config(method__name="feature_matching", train__epochs=1, **options)
    train.train_and_evaluate(config, tmp_path / "student")
    records = read_records(tmp_path / "student/metrics.jsonl")
    assert any(record.get("loss/features", 0) > 0 for record in records)
    assert not any("agreement" in name for record in records for name in record)


def test_networks_and_variables_are_paired_strictly(teacher_run, small_config):
    """If the numbers of teachers and networks differ, that is an error."""
    run = build(taught(small_config, teacher_run, data__crop=32))
    batch = run.shard(next(run.train_batches))
    (teacher,) = run.teachers.first["frozen"]
    with pytest.raises(ValueError, match="zip"):
        run.train_step(run.initial_state(), {"frozen": (teacher, teacher)}, batch, run.key)


def test_an_output_that_a_teacher_does_not_have_is_named(teacher_run):
    card = weights.load_card(teacher_run)
    assert set(card.heads) == {"logits"}
    with pytest.raises(InputError, match=r"no output 'logit'; did you mean 'logits'"):
        weights.network_of(card, heads=("logit",))


def test_an_average_a_peer_and_a_past_self_teach_together(small_config, tmp_path, monkeypatch):
    """Sources go together in any combination; each is a network of the student's kind alone."""

    @dataclasses.dataclass(frozen=True)
    class Together(methods.SoftTargets):
        teachers = (methods.Average(0.9), methods.Peer(), methods.BestPast("random"))

    monkeypatch.setitem(methods._METHODS, "together", Together)
    config = small_config(train__epochs=2)
    with config.unlocked():
        config.method.name = "together"
    train.train_and_evaluate(config, tmp_path)
    val = [r for r in read_records(tmp_path / "metrics.jsonl") if r["split"] == "val"]
    names = {f"{source}_agreement" for source in ("average", "peer", "best")}
    assert all(names <= set(record) for record in val)
    run = build(config)
    state = run.initial_state()
    assert set(state.variables.params) == {"student", "peer"}
    assert set(state.memory["average"].params) == {"backbone", "logits"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"validated_by": ("classifcation",)}, "no evaluator 'classifcation'; did you mean"),
        (
            {"heads": lambda self, k, teachers: {}},
            "'classification' reads the output 'logits'; the student",
        ),
        (
            {
                "heads": lambda self, k, teachers: {"logits": Head(k), "confidence": Head(1)},
                "tested_by": ("classification", "confidence"),
            },
            "the evaluator 'confidence' reads the answers of 'frozen' teachers, and the method has",
        ),
        (
            {"clips": (1,)},
            r"the student is to see the clips \(1,\), but the method draws 1 of each",
        ),
    ],
)
def test_a_method_that_cannot_be_judged_is_refused_before_it_trains(
    fields, message, small_config, monkeypatch
):
    method = dataclasses.dataclass(frozen=True)(type("Odd", (methods.Supervised,), fields))
    monkeypatch.setitem(methods._METHODS, "odd", method)
    config = small_config()
    with config.unlocked():
        config.method.name = "odd"
    with pytest.raises(InputError, match=message):
        build(config)


def test_a_pattern_without_parameters_is_named(small_config):
    config = small_config(optim__multipliers=(("^logit/", 0.1),))
    with pytest.raises(InputError, match=r"'\^logit/' matches no parameter; .*backbone, logits"):
        build(config)


def test_a_memory_that_forgets_is_refused(small_config, monkeypatch):
    """The average would be gone without a word."""

    @dataclasses.dataclass(frozen=True)
    class Forgetful(methods.MovingAverage):
        def remember(self, student, teachers, context, variables):
            return {}

    monkeypatch.setitem(methods._METHODS, "forgetful", Forgetful)
    config = small_config()
    with config.unlocked():
        config.method.name = "forgetful"
    run = build(config)
    batch = run.shard(next(run.train_batches))
    with pytest.raises(ValueError, match=r"memory \['average'\].* is None after `remember`"):
        run.train_step(run.initial_state(), {}, batch, run.key)


def test_a_teacher_of_another_frame_rate_is_refused(teacher_run, small_config, tmp_path):
    copy = shutil.copytree(teacher_run, tmp_path / "teacher")
    summary = json.loads((copy / "summary.json").read_text())
    assert summary["network"]["fps"] == 0
    summary["network"]["fps"] = 15.0
    (copy / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(
        InputError, match=r"config.data.fps: 0, but the teacher .* with 15, and sees"
    ):
        trained.load(read(taught(small_config, copy)), ("Left", "Right"), Contiguous(4, 2))
