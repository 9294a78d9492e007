"""The training loop compiles once, donates its buffers and fetches metrics in groups."""

import jax
import numpy as np
import pytest
from small_runs import build

from vidkd_jax import train
from vidkd_jax.errors import RunError
from vidkd_jax.run import building
from vidkd_jax.run.tracking import read_records


@pytest.fixture
def built(monkeypatch):
    """The runs that `train_and_evaluate` has built."""
    runs = []

    def build_run(config):
        runs.append(building.build_run(config))
        return runs[-1]

    monkeypatch.setattr(train, "build_run", build_run)
    return runs


def train_records(workdir):
    return [r for r in read_records(workdir / "metrics.jsonl") if r["split"] == "train"]


def test_a_run_compiles_its_step_once_and_once_more_when_a_teacher_comes(
    small_config, tmp_path, built
):
    train.train_and_evaluate(small_config(method__name="supervised"), tmp_path / "supervised")
    train.train_and_evaluate(small_config(), tmp_path / "ty")
    supervised, ty = built
    assert supervised.train_step._cache_size() == 1
    promoted = [
        r["promoted"] for r in read_records(tmp_path / "ty/metrics.jsonl") if "promoted" in r
    ]
    assert sum(promoted) >= 1 and len(promoted) == 3
    assert ty.train_step._cache_size() == 2


def test_a_worse_epoch_leaves_the_teacher_as_it_is(small_config, tmp_path, monkeypatch):
    """TY, Algorithm 1, lines 19 to 21: what teaches is the best student so far, no later one."""
    scores, taught, students = iter((0.5, 0.4, 0.6, 0.3)), [], []
    judge, train_epoch = train.Validation.judge, train._train_epoch

    def watched(run, state, teachers, *rest):
        taught.append(jax.device_get(dict(teachers)))
        state = train_epoch(run, state, teachers, *rest)
        students.append(jax.device_get(state.variables))
        return state

    def judged(self, state, epoch):
        return judge(self, state, epoch)._replace(score=next(scores))

    monkeypatch.setattr(train, "_train_epoch", watched)
    monkeypatch.setattr(train.Validation, "judge", judged)
    train.train_and_evaluate(small_config(train__epochs=4), tmp_path)
    first, *later = taught
    assert first == {}
    for teachers, best in zip(later, (0, 0, 2), strict=True):
        ((teacher,),) = teachers.values()
        jax.tree.map(np.testing.assert_array_equal, teacher.params, students[best].params)


def test_a_step_takes_over_the_state_and_nothing_else(small_config):
    run = build(small_config(method__first_teacher="random"))
    state, teachers = run.initial_state(), run.teachers.first
    batch = run.shard(next(run.train_batches))
    run.train_step(state, teachers, batch, run.key)
    assert teachers and all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((teachers, batch, run.key)))


def test_metrics_are_fetched_once_every_log_every_steps(small_config, tmp_path, monkeypatch):
    """Each record is the mean over the steps since the last one; an epoch's last steps count."""
    options = {"method__name": "supervised", "train__epochs": 2, "train__repeats": 2}
    train.train_and_evaluate(small_config(**options), tmp_path / "each")
    fetched = []
    read = train._read
    monkeypatch.setattr(train, "_read", lambda p, *a: fetched.append(len(p)) or read(p, *a))
    train.train_and_evaluate(small_config(**options, train__log_every=3), tmp_path / "grouped")
    assert fetched == [3, 1, 3, 1]
    each, grouped = train_records(tmp_path / "each"), train_records(tmp_path / "grouped")
    assert [r["step"] for r in grouped] == [3, 4, 7, 8]
    losses = [r["loss"] for r in each]
    expected = [np.mean(losses[:3]), losses[3], np.mean(losses[4:7]), losses[7]]
    np.testing.assert_allclose([r["loss"] for r in grouped], expected, rtol=1e-6)


def test_the_step_that_diverged_is_named_among_those_fetched_with_it():
    pending = [{"loss": np.float32(loss)} for loss in (1.0, np.nan, 1.0)]
    with pytest.raises(RunError, match=r"not finite at step 5 \(epoch 2\)"):
        train._read(pending, 6, 2)


def test_with_lambda_zero_a_whole_run_is_the_supervised_one_bit_for_bit(small_config, tmp_path):
    """Promotions take place and agreement with the teacher is measured, but nothing changes."""
    options = {"ty": {"method__kd_weight": 0.0}, "supervised": {"method__name": "supervised"}}
    learned, logits = {}, {}
    for name, option in options.items():
        train.train_and_evaluate(small_config(**option), tmp_path / name)
        learned[name] = [
            {n: r[n] for n in ("step", "loss", "top1", "clip_nll", "video_nll") if n in r}
            for r in read_records(tmp_path / name / "metrics.jsonl")
        ]
        with np.load(tmp_path / name / "predictions.npz") as arrays:
            logits[name] = arrays["logits"]
    assert learned["ty"] == learned["supervised"]
    assert np.array_equal(logits["ty"], logits["supervised"])
    assert any("teacher_kl" in r for r in read_records(tmp_path / "ty" / "metrics.jsonl"))
