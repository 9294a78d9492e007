"""The run: build, train epoch by epoch, promote, evaluate, report."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from vidkd_jax.data import Subset
from vidkd_jax.errors import RunError
from vidkd_jax.evaluation import evaluate
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints
from vidkd_jax.networks.network import Variables
from vidkd_jax.run import results, tracking
from vidkd_jax.run import workdir as workdir_lib
from vidkd_jax.run.building import Predict, Run, build_run
from vidkd_jax.run.schedule import Progress, Schedule
from vidkd_jax.run.train_step import TrainState
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.ahead import one_ahead
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings import config_checks


def train_and_evaluate(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Trains, evaluates on test and writes the report; goes on where an earlier call stopped.

    Args:
      config: locked; see `vidkd_jax.settings.config`.
      workdir: the run's folder; see the README for what it holds afterwards.

    Returns:
      The summary, as in `summary.json`; {} in all processes but the first.

    Raises:
      InputError: the config, the data or the workdir is wrong.
      RunError: the loss is not finite.
    """
    config_checks.validate(config)
    if summary := workdir_lib.check(workdir, config):
        workdir_lib.check_teachers(workdir, config, lambda: weights.digests(config.teachers.runs))
        return summary
    run = build_run(config)
    network = {**run.card.as_json(), "teachers": [weights.digest(t) for t in run.teachers]}
    with (
        workdir_lib.claim(workdir, config, network) as already,
        Checkpoints(workdir) as checkpoints,
    ):
        return already or _train_and_evaluate(run, workdir, checkpoints)


def _train_and_evaluate(run: Run, workdir: Path, checkpoints: Checkpoints) -> dict[str, Any]:
    """Trains from where the run stands, evaluates the best student and writes the results."""
    max_clips = run.config.eval.max_clips
    state, progress, teachers = _start(run, checkpoints)
    is_main, step = sharding.is_main(), int(state.step)
    with tracking.Tracker(workdir, is_main=is_main, resume_step=step) as tracker:
        state, progress = _train(run, state, progress, teachers, checkpoints, tracker)
        best = checkpoints.load_best(progress.best_epoch, state.variables)
        predictions = _predict(run, run.predict, best, run.splits.test, max_clips, "test")
        scores = _scores(run, predictions)
        if run.teachers and run.teachers_answer:
            taught = _ask(run, run.teachers, run.splits.test, max_clips, "test")
            scores |= evaluate.agreement(predictions, taught)
        tracker.write(int(state.step), progress.epoch, "test", scores)
    return results.write_results(workdir, run, predictions, scores, best, progress)


def _start(
    run: Run, checkpoints: Checkpoints
) -> tuple[TrainState, Progress, tuple[Variables, ...]]:
    """Returns state, progress and teachers: of the newest checkpoint, or fresh ones."""
    state, progress = run.initial_state(), Progress(run.config.optim.learning_rate)
    if checkpoints.latest_epoch() is None:
        return run.start_from_weights(state), progress, run.first_teachers()
    state, saved = checkpoints.load_latest(state, run.train_batches.iterator)
    progress = Progress(**saved)
    teachers = run.first_teachers()
    if run.method.promotes and progress.best_epoch:
        teachers = (checkpoints.load_best(progress.best_epoch, state.variables),)
    return state, progress, teachers


def _train(
    run: Run,
    state: TrainState,
    progress: Progress,
    teachers: tuple[Variables, ...],
    checkpoints: Checkpoints,
    tracker: tracking.Tracker,
) -> tuple[TrainState, Progress]:
    """Trains until the epochs are done or validation stops improving."""
    config, per_epoch = run.config, run.train_batches.per_epoch
    schedule = Schedule(
        learning_rate=config.optim.learning_rate,
        epochs=config.train.epochs,
        **config.schedule.to_dict(),
    )
    total = config.train.epochs * per_epoch
    can_ask = bool(teachers) and run.teachers_answer
    taught = _ask(run, teachers, run.splits.val, None, "val") if can_ask else None
    is_main, done = sharding.is_main(), int(state.step)
    with progress_bar(total=total, initial=done, desc=config.name, disable=not is_main) as bar:
        while progress.epoch < config.train.epochs and not progress.should_stop(schedule):
            epoch, start = progress.epoch + 1, time.monotonic()
            state = _with_learning_rate(state, progress.rate(schedule))
            state = _train_epoch(run, state, teachers, epoch, tracker, bar)
            seconds = time.monotonic() - start
            predictions = _predict(run, run.predict, state.variables, run.splits.val, None, "val")
            metrics = _scores(run, predictions)
            if moving := _moving_teachers(run, state):
                taught = _ask(run, moving, run.splits.val, None, "val")
            if taught is not None:
                metrics |= evaluate.agreement(predictions, taught)
            if not np.isfinite(metrics["clip_nll"]):
                raise RunError(_diverged("the validation loss", int(state.step), epoch))
            progress = progress.after_epoch(metrics["clip_top1"], seconds, schedule)
            if progress.is_best():
                checkpoints.save_best(epoch, state.variables)
                if run.method.promotes:  # Algorithm 1, line 21
                    teachers = (checkpoints.load_best(epoch, state.variables),)
                    taught = predictions.clip_probabilities()
            tracker.write(
                int(state.step), epoch, "val", {**metrics, "promoted": progress.is_best()}
            )
            tracker.flush()
            checkpoints.save_latest(epoch, state, run.train_batches.iterator, progress.as_dict())
            bar.set_postfix_str(
                f"val {metrics['clip_top1']:.3f}, best {progress.best_accuracy:.3f}"
            )
    return state, progress


def _moving_teachers(run: Run, state: TrainState) -> tuple[Variables, ...]:
    """Returns the teachers that move with the student: its average, or its peer."""
    if isinstance(state.average, Variables):
        return (state.average,)
    if run.method.has_peer:
        params, batch_stats = state.variables.params, state.variables.batch_stats
        return (Variables(params["peer"], batch_stats["peer"]),)
    return ()


def _train_epoch(
    run: Run,
    state: TrainState,
    teachers: tuple[Variables, ...],
    epoch: int,
    tracker: tracking.Tracker,
    bar: tqdm,
) -> TrainState:
    """Does one epoch's steps; reads metrics back only every `train.log_every` steps."""
    per_epoch, log_every = run.train_batches.per_epoch, run.config.train.log_every
    batches = _device_batches(run, per_epoch)
    pending: list[dict[str, jax.Array]] = []
    start, waited, first_step = time.monotonic(), 0.0, int(state.step)
    for number in range(1, per_epoch + 1):
        asked = time.monotonic()
        batch = next(batches)
        # Where the device is still busy afterwards it did not wait. An upper bound: it may have
        # finished in between.
        if not pending or _is_ready(pending[-1]["loss"]):
            waited += time.monotonic() - asked
        state, metrics = run.train_step(state, teachers, batch, run.key)
        pending.append(metrics)
        if number % log_every == 0 or number == per_epoch:
            values = _read(pending, first_step + number, epoch)
            pending = []
            if number == per_epoch:
                seconds = time.monotonic() - start
                values["clips_per_second"] = per_epoch * run.config.train.batch_size / seconds
                values["data_wait_fraction"] = waited / seconds
            values["learning_rate"] = float(state.opt_state.hyperparams["learning_rate"])
            tracker.write(first_step + number, epoch, "train", values)
        bar.update()
    return state


def _device_batches(run: Run, count: int) -> Iterator[dict[str, jax.Array]]:
    """Returns `count` batches, each sent to the devices while the one before is in use.

    Never asks the data for more than `count`, so that the iterator's saved position is exact.
    """
    return one_ahead(map(run.shard, itertools.islice(run.train_batches, count)))


def _is_ready(value: Any) -> bool:
    """Whether the device has computed an array (jax.Array's annotations do not say it can tell)."""
    return value.is_ready()


def _read(pending: list[dict[str, jax.Array]], step: int, epoch: int) -> dict[str, float]:
    """Fetches the metrics of the last steps and returns their means.

    Raises:
      RunError: a loss is not finite; names the step and the last good checkpoint.
    """
    fetched = jax.device_get(pending)
    for number, metrics in enumerate(fetched, start=step - len(fetched) + 1):
        if not np.isfinite(metrics["loss"]):
            raise RunError(_diverged(f"the loss, {metrics['loss']},", number, epoch))
    return {name: float(np.mean([m[name] for m in fetched])) for name in fetched[0]}


def _diverged(what: str, step: int, epoch: int) -> str:
    last = f"epoch {epoch - 1}" if epoch > 1 else "none yet"
    return (
        f"{what} is not finite at step {step} (epoch {epoch}); last good checkpoint: {last}; "
        "try a smaller optim.learning_rate in another --workdir"
    )


def _with_learning_rate(state: TrainState, learning_rate: float) -> TrainState:
    """Returns the state with the optimiser's learning rate set."""
    hyperparams = dict(state.opt_state.hyperparams)
    old = hyperparams["learning_rate"]
    hyperparams["learning_rate"] = jax.device_put(
        np.asarray(learning_rate, old.dtype), old.sharding
    )
    return state.replace(opt_state=state.opt_state._replace(hyperparams=hyperparams))


def _scores(run: Run, predictions: evaluate.Predictions) -> dict[str, float]:
    """Returns the headline metrics, averaged as the config says."""
    return evaluate.summarise(
        predictions, average=run.config.eval.average, bins=run.config.eval.calibration_bins
    )


def _predict(
    run: Run,
    network: Predict,
    variables: Variables,
    subset: Subset,
    max_clips: int | None,
    name: str,
) -> evaluate.Predictions:
    """Returns a network's scores of a subset's evaluation clips, with a bar."""
    batches = run.eval_batches(subset, max_clips=max_clips)
    with progress_bar(
        total=batches.num_batches, desc=name, disable=not sharding.is_main(), delay=5, leave=False
    ) as bar:

        def predict_batch(batch: dict[str, np.ndarray]) -> Any:
            bar.update()
            return network(variables, batch)

        return evaluate.predict(predict_batch, batches)


def _ask(
    run: Run, teachers: tuple[Variables, ...], subset: Subset, max_clips: int | None, name: str
) -> np.ndarray:
    """Returns the teachers' probabilities [n, k] for a subset's evaluation clips.

    Their mean, weighted as in the loss.
    """
    weights = run.config.method.teacher_weights if len(teachers) > 1 else ()
    return np.average(
        [
            _predict(
                run, network, teacher, subset, max_clips, f"{name}, teacher"
            ).clip_probabilities()
            for network, teacher in zip(run.ask, teachers, strict=False)
        ],
        axis=0,
        weights=weights or None,
    )
