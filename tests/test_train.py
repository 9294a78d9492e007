"""Whole runs: their files, runs that are killed and resumed, and input that stops them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from small_runs import build, learned

from vidkd_jax import main, train
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.evaluation import evaluators
from vidkd_jax.evaluation.calibration import each_alone, fit_temperature, scaled
from vidkd_jax.evaluation.collect import collect
from vidkd_jax.evaluation.predictions import Predictions, summarise
from vidkd_jax.networks import checkpoints as checkpoints_lib
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints
from vidkd_jax.report import closing_lines
from vidkd_jax.run import beginning, building, inputs, validation
from vidkd_jax.run import workdir as workdir_lib
from vidkd_jax.run.saved import is_finished
from vidkd_jax.run.schedule import Progress
from vidkd_jax.run.tracking import read_records
from vidkd_jax.settings.config import read


def assert_same_run(first, second):
    (records, logits), (other_records, other_logits) = learned(first), learned(second)
    assert records == other_records
    assert np.array_equal(logits, other_logits)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_config):
    """The workdir and the summary of a finished run."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    return workdir, train.train_and_evaluate(small_config(), workdir)


def test_a_run_leaves_what_the_contract_says(finished):
    workdir, summary = finished
    assert json.loads((workdir / "summary.json").read_text()) == summary
    assert {
        "video_top1", "video_top1_low", "video_top1_high", "video_top5", "clip_top1", "clip_top5",
        "ece", "nll", "num_params", "epochs", "classes_never_right",
        "clips_per_second", "data_wait_fraction", "train_seconds", "peak_memory_bytes",
        "mean_class_accuracy", "mean_average_precision", "commonest_class",
    } <= set(summary)  # fmt: skip
    assert summary["commonest_class"] == 0.5 and summary["groups"] == {
        "given": 16,
        "guessed": 0,
        "unknown": 0,
    }
    assert summary["epochs"] == 3 and summary["videos"] == {"train": 8, "val": 4, "test": 4}
    assert (workdir / "report" / "index.html").exists()
    config = json.loads((workdir / "config.json").read_text())
    assert config["data"]["frames"] == 4 and "jax" in config["environment"]["packages"]
    records = read_records(workdir / "metrics.jsonl")
    assert [r["epoch"] for r in records if r["split"] == "val"] == [1, 2, 3]
    assert [r["step"] for r in records if r["split"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert records[-1]["split"] == "test"
    with np.load(workdir / "predictions.npz") as arrays:
        assert arrays["logits"].shape == (12, 2)  # 4 videos of 24 frames: 3 clips each
        assert len(set(arrays["videos"].tolist())) == 4


def test_kl_starts_with_the_first_promotion(finished):
    workdir, _ = finished
    records = read_records(workdir / "metrics.jsonl")
    with_kl = [r["epoch"] for r in records if "loss/kl" in r]
    assert 1 not in with_kl and {2, 3} <= set(with_kl)  # the first epoch always sets a best


def test_the_same_command_gives_the_same_bits_and_says_when_finished(
    finished, small_config, tmp_path
):
    workdir, summary = finished
    train.train_and_evaluate(small_config(), tmp_path / "again")
    assert_same_run(workdir, tmp_path / "again")
    assert train.train_and_evaluate(small_config(), workdir) == summary


def test_training_ends_where_validation_stays_perfect(small_config, tmp_path, monkeypatch):
    """And a run that was stopped in between ends alike."""
    monkeypatch.setattr(validation, "_selected", lambda scores, name: 1.0)
    config = small_config(train__epochs=9, schedule__perfect_epochs=1, method__name="supervised")
    whole = train.train_and_evaluate(config, tmp_path / "whole")
    assert whole["epochs"] == whole["best_epoch"] == 2 and whole["stopped_early"]
    is_over = Progress.is_over
    monkeypatch.setattr(Progress, "is_over", lambda self, _: self.epoch == 1)
    train.train_and_evaluate(config, tmp_path / "parts")
    (tmp_path / "parts" / "summary.json").unlink()
    monkeypatch.setattr(Progress, "is_over", is_over)
    train.train_and_evaluate(config, tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_run_whose_folder_is_moved_ends_after_the_epoch_and_goes_on_there(
    finished, small_config, tmp_path, monkeypatch
):
    one_epoch, run = train._train_epoch, tmp_path / "run"

    def moved(*arguments):
        if arguments[3] == 3:
            run.rename(tmp_path / "moved")
        return one_epoch(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(train, "_train_epoch", moved)
        with pytest.raises(RunError, match=r"run' has been deleted or moved .* its new place"):
            train.train_and_evaluate(small_config(), run)
    train.train_and_evaluate(small_config(), tmp_path / "moved")
    assert_same_run(finished[0], tmp_path / "moved")


def test_ended_by_hand_it_can_be_used_and_goes_on_as_the_same_run(
    finished, small_config, tmp_path, monkeypatch, capsys
):
    workdir, whole = finished
    save_latest = Checkpoints.save_latest

    def killed(self, epoch, *arguments):
        save_latest(self, epoch, *arguments)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "save_latest", killed)
        train.train_and_evaluate(small_config(), tmp_path)
    assert not is_finished(tmp_path) and is_finished(workdir) and not whole["ended_by_hand"]
    ended = train.train_and_evaluate(small_config(), tmp_path, finish=True)
    assert (ended["epochs"], ended["stopped_early"], ended["ended_by_hand"]) == (2, True, True)
    assert weights.load_card(tmp_path) == weights.load_card(workdir)
    with np.load(tmp_path / "predictions.npz") as arrays:
        assert arrays["logits"].shape == (12, 2)
    assert "ended by --finish" in "".join(closing_lines(ended, tmp_path))
    assert not is_finished(tmp_path)
    # Again it has nothing to do.
    assert train.train_and_evaluate(small_config(), tmp_path, finish=True) == ended
    capsys.readouterr()
    assert train.train_and_evaluate(small_config(), tmp_path)["epochs"] == 3
    said = capsys.readouterr().err
    assert "\n2 classes, videos: 8 train, 4 val, 4 test; 3 epochs of 2 steps\n" in f"\n{said}"
    assert "goes on training: " in said  # what was a result is none until then
    assert_same_run(workdir, tmp_path)
    assert is_finished(tmp_path)
    assert train.train_and_evaluate(small_config(), workdir, finish=True) == whole


def test_a_run_without_an_epoch_cannot_be_finished(small_config, tmp_path):
    with pytest.raises(InputError, match=r"--finish: the run in '.*' has done no epoch; leave it"):
        train.train_and_evaluate(small_config(), tmp_path, finish=True)
    assert not list(tmp_path.iterdir())


def test_extended_by_two_epochs_is_the_same_run(finished, small_config, tmp_path):
    workdir, _ = finished
    train.train_and_evaluate(small_config(train__epochs=1), tmp_path)
    train.train_and_evaluate(small_config(), tmp_path)
    assert_same_run(workdir, tmp_path)


@pytest.mark.parametrize("delay", [0.0, pytest.param(0.7, marks=pytest.mark.slow)])
def test_killed_at_any_moment_and_resumed_is_the_same_run(finished, small_flags, tmp_path, delay):
    workdir, _ = finished
    command = [
        sys.executable, "-m", "vidkd_jax.main", "--config=configs/ty_r18.py",
        f"--workdir={tmp_path}", *small_flags,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "metrics.jsonl").exists() or not read_records(tmp_path / "metrics.jsonl"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert_same_run(workdir, tmp_path)


@pytest.mark.slow
def test_interrupted_with_adamw_and_a_warm_up_is_the_same_run(small_config, tmp_path, monkeypatch):
    config = small_config(
        optim__name="adamw", schedule__name="cosine", schedule__warmup_epochs=1, train__epochs=4
    )
    train.train_and_evaluate(config, tmp_path / "whole")
    one_epoch = train._train_epoch

    def until_epoch_3(run, state, teachers, epoch, *rest):
        if epoch == 3:
            raise KeyboardInterrupt
        return one_epoch(run, state, teachers, epoch, *rest)

    monkeypatch.setattr(train, "_train_epoch", until_epoch_3)
    with pytest.raises(KeyboardInterrupt):
        train.train_and_evaluate(config, tmp_path / "cut")
    monkeypatch.undo()
    train.train_and_evaluate(config, tmp_path / "cut")
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    records = read_records(tmp_path / "cut" / "metrics.jsonl")
    rates = {r["epoch"]: r["learning_rate"] for r in records if r["split"] == "train"}
    cosine = [0.01 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert rates == pytest.approx({1: cosine[0] / 2, **dict(enumerate(cosine[1:], 2))})


def test_teacher_is_the_best_checkpoint_with_its_statistics(finished, small_config):
    workdir, summary = finished
    run = build(small_config())
    _, progress, teachers, _ = beginning.begin(run, Checkpoints(workdir))
    best = Checkpoints(workdir).load_best(summary["best_epoch"], run.initial_state().variables)
    assert progress.best_epoch == summary["best_epoch"]
    for ours, theirs in zip(
        jax.tree.leaves(teachers["best"][0]), jax.tree.leaves(best), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_a_run_keeps_the_temperature_of_its_validation_videos(finished, small_config):
    workdir, summary = finished
    run, (_, best) = build(small_config()), weights.load(workdir)
    batches = run.eval_batches(run.eval_clips(run.splits.val))
    validated = collect(lambda batch: run.predictor()(best, batch), batches).predictions()
    temperature = summary["video_temperature"]
    assert temperature == pytest.approx(fit_temperature(validated, "softmax"), rel=1e-3)
    alone = fit_temperature(each_alone(validated), "softmax")
    assert summary["clip_temperature"] == pytest.approx(alone, rel=1e-3)
    with np.load(workdir / "predictions.npz") as saved:
        videos = np.unique(saved["videos"], return_inverse=True)[1]
        tested = Predictions(saved["logits"], saved["labels"], videos)
    figures = summarise(scaled(tested, temperature), average="softmax", bins=15)
    assert summary["calibrated_nll"] == pytest.approx(figures["nll"])
    assert summary["calibrated_ece"] == pytest.approx(figures["ece"])


def test_nan_stops_the_run_and_names_step_and_checkpoint(small_config, tmp_path):
    config = small_config(optim__learning_rate=1e30)
    with pytest.raises(RunError, match=r"loss.* is not finite at step \d+ .*last good checkpoint"):
        train.train_and_evaluate(config, tmp_path)


def test_another_config_in_the_same_workdir_is_refused(finished, small_config):
    workdir, _ = finished
    with pytest.raises(InputError, match=r"holds a run with optim\.momentum=0\.9, not 0\.5"):
        train.train_and_evaluate(small_config(optim__momentum=0.5), workdir)


def test_batches_of_evaluation_belong_to_no_run(finished, small_config):
    workdir, summary = finished
    assert train.train_and_evaluate(small_config(eval__batch_size=2), workdir) == summary


def test_two_runs_in_one_workdir_are_refused(small_config, tmp_path):
    with (
        workdir_lib.claim(tmp_path, read(small_config()), {}),
        pytest.raises(InputError, match="another run is writing there"),
    ):
        train.train_and_evaluate(small_config(), tmp_path)


def test_a_run_that_another_machine_finished_meanwhile_is_left_alone(
    finished, small_config, tmp_path, monkeypatch
):
    workdir, summary = finished
    copy = shutil.copytree(workdir, tmp_path / "run")
    unfinished = (copy / "summary.json").rename(tmp_path / "summary.json")

    def build_slowly(config):
        run = building.build_run(config)
        unfinished.rename(copy / "summary.json")  # another machine finishes the run
        return run

    monkeypatch.setattr(train, "build_run", build_slowly)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.json*")}
    assert train.train_and_evaluate(small_config(), copy) == summary
    assert (copy / "summary.json").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_student_is_validated_on_the_middle_clip_of_each_video(small_config, monkeypatch):
    run, judged = build(small_config(method__name="supervised")), []
    judge = evaluators.judge
    monkeypatch.setattr(evaluators, "judge", lambda *a: judged.append(a[1]) or judge(*a))
    validation.Validation(run, {}).judge(run.initial_state(), 1)
    assert judged[0].videos.tolist() == list(range(len(run.splits.val.videos)))


def test_weights_that_are_not_finite_are_never_saved(small_config, tmp_path, monkeypatch):
    """Also of a method whose last epoch counts, which nothing validates."""
    epoch = train._train_epoch

    def spoilt(*arguments):
        state = epoch(*arguments)
        params = jax.tree.map(lambda leaf: leaf * np.nan, state.variables.params)
        return state.replace(variables=state.variables.replace(params=params))

    monkeypatch.setattr(train, "_train_epoch", spoilt)
    with pytest.raises(RunError, match=r"a weight of the student is not finite .* none yet"):
        train.train_and_evaluate(small_config(), tmp_path)
    assert Checkpoints(tmp_path).latest_epoch() is None


@pytest.mark.parametrize("figure", ["nan", "inf", "-inf"])
def test_validation_that_is_not_finite_is_never_saved(figure, small_config, tmp_path, monkeypatch):
    scores = {"clip_nll": float(figure), "clip_top1": 0.0}
    monkeypatch.setattr(evaluators, "judge", lambda *_: evaluators.Judged(scores, {}))
    with pytest.raises(RunError, match=r"figure 'clip_nll' is not finite at step 2 .* none yet"):
        train.train_and_evaluate(small_config(), tmp_path)
    assert Checkpoints(tmp_path).latest_epoch() is None


def test_another_config_is_refused_although_the_best_student_is_gone(
    finished, small_config, tmp_path
):
    workdir = shutil.copytree(finished[0], tmp_path / "lost")
    shutil.rmtree(workdir / "checkpoints" / "best")
    (workdir / "summary.json").unlink()
    before = (workdir / "config.json").read_text()
    with pytest.raises(InputError, match=r"holds a run with optim\.learning_rate=0\.01, not 0\.5"):
        train.train_and_evaluate(small_config(optim__learning_rate=0.5), workdir)
    assert (workdir / "config.json").read_text() == before
    with pytest.raises(InputError, match=r"best/\d' is gone, the best student of the run; delete"):
        train.train_and_evaluate(small_config(train__epochs=4), workdir)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", "[]", r"summary\.json' is damaged \(it holds no object of fields\); copy"),
        ("summary.json", "null", r"summary\.json' is damaged"),
        ("summary.json", '{"a": 1}', r"summary\.json' is no run's summary; delete it"),
        ("config.json", "[1]", r"config\.json' is damaged"),
        ("config.json", '{"a": 1}', r"config\.json' is no run's config; copy it again"),
    ],
)
def test_json_of_another_shape_is_named(name, text, message, finished, small_config, tmp_path):
    workdir = shutil.copytree(finished[0], tmp_path / "run")
    (workdir / name).write_text(text)
    with pytest.raises(InputError, match=message):
        train.train_and_evaluate(small_config(), workdir)


def test_records_of_another_shape_are_passed_over(tmp_path):
    good = {"step": 1, "epoch": 1, "split": "val", "clip_top1": 0.5}
    lines = ["[]", "3", '{"split": "val"}', json.dumps(good), '{"step": 1, "epo']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert read_records(tmp_path / "metrics.jsonl") == [good]


def test_fewer_epochs_than_are_done_are_refused(finished, small_config):
    with pytest.raises(InputError, match=r"train\.epochs: 2, but the run in '.*' has done 3; give"):
        train.train_and_evaluate(small_config(train__epochs=2), finished[0])


def test_epochs_that_decide_when_a_perfect_run_ends_stay(small_config, tmp_path):
    perfect = {"schedule__perfect_epochs": 5}
    train.train_and_evaluate(small_config(train__epochs=1, **perfect), tmp_path)
    with pytest.raises(InputError, match=r"holds a run with train\.epochs=1, not 3"):
        train.train_and_evaluate(small_config(**perfect), tmp_path)


def test_best_of_an_epoch_whose_other_half_was_lost_is_dropped(finished, small_config, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "lost")
    shutil.rmtree(tmp_path / "lost" / "checkpoints" / "latest" / "3")
    run = build(small_config())
    with Checkpoints(tmp_path / "lost") as checkpoints:
        progress = beginning.begin(run, checkpoints).progress  # the best of epoch 3 is still there
    assert progress.epoch == 2
    kept = [path.name for path in (tmp_path / "lost/checkpoints/best").iterdir()]
    assert all(int(name) <= 2 for name in kept if name.isdigit())


def test_checkpoint_cut_in_half_is_named(finished, small_config, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "cut")
    (tmp_path / "cut" / "summary.json").unlink()
    newest = tmp_path / "cut" / "checkpoints" / "latest" / "3"
    for path in newest.rglob("*"):
        if path.is_file() and path.stat().st_size > 200:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"checkpoint '.*latest/3' cannot be read"):
        train.train_and_evaluate(small_config(train__epochs=4), tmp_path / "cut")


def test_checkpoint_of_another_number_of_processes_is_named(
    finished, small_config, tmp_path, monkeypatch
):
    class TwoProcesses:
        process_count = staticmethod(lambda: 2)

        def __getattr__(self, name):
            return getattr(jax, name)

    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "pair")
    run = build(small_config())
    monkeypatch.setattr(checkpoints_lib, "jax", TwoProcesses())
    with (
        Checkpoints(tmp_path / "pair") as checkpoints,
        pytest.raises(InputError, match=r"latest/3' was written by 1 processes; start as many"),
    ):
        beginning.begin(run, checkpoints)


def test_what_a_kill_left_of_a_first_checkpoint_is_none(finished, small_config, tmp_path):
    workdir, _ = finished
    (tmp_path / "checkpoints/latest/1.orbax-checkpoint-tmp-7").mkdir(parents=True)
    shutil.copy(workdir / "config.json", tmp_path)
    assert workdir_lib.check(tmp_path, read(small_config(optim__learning_rate=0.5))) is None


def test_checkpoint_of_another_model_is_named(finished, small_config, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "other")
    (tmp_path / "other" / "summary.json").unlink()
    (tmp_path / "other" / "config.json").unlink()
    with pytest.raises(InputError, match="of another model"):
        train.train_and_evaluate(small_config(model__width=1 / 16), tmp_path / "other")


def test_random_first_teacher_is_an_option(small_config, tmp_path):
    config = small_config(method__first_teacher="random", train__epochs=1)
    train.train_and_evaluate(config, tmp_path)
    assert "loss/kl" in read_records(tmp_path / "metrics.jsonl")[0]


def test_straight_from_video_files(square_videos, small_config, tmp_path):
    config = small_config(
        data__source="videos",
        data__videos=str(square_videos / "videos"),
        data__annotations=str(square_videos / "annotations"),
        train__epochs=1,
    )
    with config.unlocked():
        other = config.copy_and_resolve_references()
    other.data.name = "mine"
    with pytest.raises(
        InputError, match=r"config\.data\.name: 'mine' is no format of lists; valid"
    ):
        train.train_and_evaluate(other, tmp_path / "other")
    summary = train.train_and_evaluate(config, tmp_path / "run")
    assert summary["videos"] == {"train": 8, "val": 4, "test": 4}
    # The same videos in another folder are the same data set; with one video less, they are not.
    moved = shutil.copytree(square_videos / "videos", tmp_path / "videos")
    config.data.videos, config.train.epochs = str(moved), 2
    assert train.train_and_evaluate(config, tmp_path / "run")["epochs"] == 2
    next(moved.rglob("*.mp4")).unlink()
    config.train.epochs = 3
    with pytest.raises(InputError, match=r"on other videos or lists of 'ucf101'"):
        train.train_and_evaluate(config, tmp_path / "run")


def test_lists_are_read_once_by_a_run_and_once_more_by_one_that_goes_on(
    square_videos, small_config, tmp_path, monkeypatch, capsys
):
    """Of Kinetics' videos that takes minutes."""
    config = small_config(
        data__source="videos",
        data__videos=str(square_videos / "videos"),
        data__annotations=str(square_videos / "annotations"),
    )
    read_lists, reads = inputs.read_dataset, []

    def counted(*args, **kwargs):
        reads.append(args)
        return read_lists(*args, **kwargs)

    monkeypatch.setattr(inputs, "read_dataset", counted)
    monkeypatch.setattr(main.config_files, "load", lambda *_: config)
    monkeypatch.setattr(main, "cache_compilations", lambda: None)

    def run(epochs):
        reads.clear()
        config.train.epochs = epochs
        main.main(["--config=ty_r18", f"--workdir={tmp_path / 'run'}"])
        return len(reads), capsys.readouterr().out.partition(":")[0]

    assert run(1) == (1, "finished")
    assert run(1) == (1, "already finished")
    assert run(2) == (2, "finished")


def test_a_run_does_not_go_on_where_other_videos_of_its_lists_are_read(finished, small_config):
    """Another FFmpeg may read files that could not be read, or find other numbers of frames."""
    workdir, _ = finished
    path = workdir / "config.json"
    saved = json.loads(path.read_text())
    assert saved["network"]["videos"] == build(small_config()).splits.digest()
    other = {**saved, "network": {**saved["network"], "videos": "other"}}
    path.write_text(json.dumps(other))
    longer = small_config(train__epochs=4)
    with pytest.raises(InputError, match=r"holds a run on other videos of the same lists: some"):
        train.train_and_evaluate(longer, workdir)
    path.write_text(json.dumps(saved))


def test_a_run_on_records_that_were_made_again_is_another(finished, small_config, tmp_path):
    """The records have the same name but other videos."""
    workdir, _ = finished
    config = small_config()
    shutil.copytree(config.data.root, tmp_path / "records")
    path = tmp_path / "records/ucf101/split1/1.0.0/dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "lists": "others"}))
    moved = small_config(data__root=str(tmp_path / "records"))
    with pytest.raises(InputError, match=r"holds a run on other videos or lists of 'ucf101' than"):
        train.train_and_evaluate(moved, workdir)
    shutil.rmtree(tmp_path / "records/ucf101")  # a finished run needs no records
    assert train.train_and_evaluate(moved, workdir)["epochs"] == 3


def test_a_field_younger_than_the_run_has_its_default(finished, small_config, tmp_path):
    workdir, summary = finished
    shutil.copytree(workdir, tmp_path / "old")
    path = tmp_path / "old" / "config.json"
    saved = json.loads(path.read_text())
    del saved["model"]["init_from"]
    path.write_text(json.dumps(saved))
    assert train.train_and_evaluate(small_config(), tmp_path / "old") == summary


def test_checkpoints_of_named_epochs_are_kept(small_config, tmp_path):
    """Whole checkpoints are kept beside the two newest, so that other runs can start from them."""
    config = small_config(train__epochs=5, train__keep_epochs=(2,))
    train.train_and_evaluate(config, tmp_path)
    kept = {path.name for path in (tmp_path / "checkpoints/latest").iterdir() if path.is_dir()}
    assert {"2", "4", "5"} <= kept and not {"1", "3"} & kept


def test_steps_and_multipliers_reach_the_optimiser(small_config, tmp_path):
    config = small_config(
        schedule__name="steps",
        schedule__drops=(1,),
        schedule__group_drops=(("^logits/", (2,)),),
        optim__multipliers=(("^logits/", 0.5),),
    )
    train.train_and_evaluate(config, tmp_path)
    records = read_records(tmp_path / "metrics.jsonl")
    rates = [r["learning_rate"] for r in records if r["split"] == "train"]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.001, 0.001])
    run = build(config)
    with Checkpoints(tmp_path) as checkpoints:
        state = beginning.begin(run, checkpoints).state
    assert state.opt_state.hyperparams["factors"].tolist() == pytest.approx([0.05])


@pytest.mark.slow
def test_resumed_with_steps_and_multipliers_it_is_the_same_run(small_config, tmp_path):
    options = {
        "schedule__name": "steps",
        "schedule__drops": (2,),
        "optim__multipliers": (("^logits/", 0.5),),
    }
    train.train_and_evaluate(small_config(**options), tmp_path / "whole")
    train.train_and_evaluate(small_config(**options, train__epochs=1), tmp_path / "parts")
    train.train_and_evaluate(small_config(**options), tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
