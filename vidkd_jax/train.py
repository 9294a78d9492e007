"""The run: build, train epoch by epoch, promote, evaluate, report."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from vidkd_jax.errors import InputError, RunError
from vidkd_jax.evaluation import evaluators
from vidkd_jax.networks.checkpoints import Checkpoints, saved_epoch
from vidkd_jax.run import beginning, judging, origins, results, tracking
from vidkd_jax.run import workdir as workdir_lib
from vidkd_jax.run.asking import BySource
from vidkd_jax.run.beginning import Start
from vidkd_jax.run.building import Run, build_run
from vidkd_jax.run.judging import Exam
from vidkd_jax.run.optimizer import set_rates
from vidkd_jax.run.schedule import Progress, Schedule
from vidkd_jax.run.state import TrainState
from vidkd_jax.run.validation import Validation, diverged
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.ahead import ahead
from vidkd_jax.runtime.compilation import announced
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings.config import read

_STEPS_AHEAD = 2  # that the device has been given, besides the one that it is known to have done


def train_and_evaluate(
    config: ConfigDict, workdir: Path, *, finish: bool = False
) -> dict[str, Any]:
    """Trains, evaluates on test and writes the report; goes on where an earlier call stopped.

    Args:
      config: locked; see `vidkd_jax.settings`.
      workdir: the run's folder; docs/commands.md says what it holds afterwards.
      finish: trains no further, and evaluates the best student so far. A later call without it
        goes on from there.

    Returns:
      The summary, as in `summary.json`; {} in all processes but the first.

    Raises:
      InputError: the config, the data or the workdir is wrong; or there is no student to finish
        with.
      RunError: the loss is not finite.
    """
    settings = read(config)
    sharding.check_same(lambda: {"--finish": str(finish)}, "start all with the same flags")
    with sharding.together():
        summary = workdir_lib.check(workdir, settings, finish=finish)
    if summary:
        origins.check_finished(workdir, settings)
        return summary
    if sharding.is_main() and (devices := sharding.describe()):
        print(devices, file=sys.stderr)
    resumed = saved_epoch(workdir) > 0
    if finish and not resumed:
        raise InputError(f"--finish: the run in '{workdir}' has done no epoch; leave it out")
    run = build_run(settings)
    if resumed:
        origins.warn_of_code(workdir, settings)
    digests = origins.of_run(workdir, settings, run.frozen.digests, resumed=resumed)
    network = {**run.card.as_json(), **digests, origins.VIDEOS: run.splits.digest()}
    keep = settings.train.keep_epochs
    with (
        workdir_lib.claim(workdir, settings, network, finish=finish) as already,
        Checkpoints(workdir, keep_epochs=keep) as checkpoints,
    ):
        return already or _train_and_evaluate(run, workdir, checkpoints, finish=finish)


def _train_and_evaluate(
    run: Run, workdir: Path, checkpoints: Checkpoints, *, finish: bool
) -> dict[str, Any]:
    """Trains from where the run stands, evaluates the best student and writes the results."""
    if sharding.is_main():
        print(run.describe(), file=sys.stderr)
    begun = beginning.begin(run, checkpoints)
    state, progress, teachers = begun.state, begun.progress, begun.teachers
    is_main, step = sharding.is_main(), int(state.step)
    with tracking.Tracker(workdir, is_main=is_main, resume_step=step) as tracker:
        with contextlib.closing(run.train_batches):  # testing needs its memory and cores
            if not finish:
                state, progress = _train(run, begun, checkpoints, tracker)
        best = checkpoints.load_best(progress.best_epoch, state.variables)
        test = Exam(run.eval_clips(run.splits.test), "test")
        names = run.settings.tested_by
        # Only the trained teachers: a best past self is this student, and an average or a peer has
        # changed since its best epoch.
        answers = judging.ask(run, teachers, test, sources=("frozen",))
        found = judging.judge(run, best, test, names, answers)
        calibrated = judging.calibration(run, best, names, found.collected)
        untrained = judging.untrained(run, test, names)
        found = found._replace(scores=evaluators.merged(found.scores, calibrated, untrained))
        tracker.write(int(state.step), progress.epoch, "test", found.scores)
    summary = results.write_results(workdir, run, found, best, progress)
    sharding.wait_for_all("results")  # the first process writes them, which may take minutes
    return summary


def _train(
    run: Run, begun: Start, checkpoints: Checkpoints, tracker: tracking.Tracker
) -> tuple[TrainState, Progress]:
    """Trains until the epochs are done or validation stops improving."""
    state, progress, teachers, validation = begun
    schedule, epochs = Schedule.of(run.settings), run.settings.train.epochs
    validation = validation or Validation(run, teachers)
    total, done = epochs * run.train_batches.per_epoch, int(state.step)
    disable = not sharding.is_main()
    with progress_bar(total=total, initial=done, desc=run.settings.name, disable=disable) as bar:
        step, judge = announced(run.train_step, bar, _program), announced(validation.judge, bar)
        while not progress.is_over(schedule):
            epoch, start = progress.epoch + 1, time.monotonic()
            rates = progress.rate(schedule), progress.factors(schedule)
            state = state.replace(opt_state=set_rates(state.opt_state, *rates))
            state = _train_epoch(run, state, teachers, epoch, tracker, bar, step)
            seconds = time.monotonic() - start
            found = judge(state, epoch)
            progress = progress.after_epoch(found.score, seconds, schedule)
            tracker.check_in_place()
            if progress.is_best():
                checkpoints.save_best(epoch, state.variables)
                if run.teachers.promotes:  # Algorithm 1, line 21
                    best = checkpoints.load_best(epoch, state.variables)
                    teachers = run.teachers.promoted(teachers, best)
                    validation.promote(teachers)
            scores = {**found.scores, "promoted": progress.is_best()}
            tracker.write(int(state.step), epoch, "val", scores)
            tracker.flush()
            checkpoints.save_latest(epoch, state, run.train_batches.iterator, progress.as_dict())
            bar.total = (progress.end or epochs) * run.train_batches.per_epoch
            if found.score is not None:
                bar.set_postfix_str(f"val {found.score:.3f}, best {progress.best_accuracy:.3f}")
    return state, progress


def _train_epoch(
    run: Run,
    state: TrainState,
    teachers: BySource,
    epoch: int,
    tracker: tracking.Tracker,
    bar: tqdm,
    step: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
) -> TrainState:
    """Does one epoch's steps; reads metrics back only every `train.log_every` steps.

    The device always has the next steps already, and their batches; the host waits for the oldest.
    """
    train, per_epoch = run.settings.train, run.train_batches.per_epoch
    start, waited, first_step = time.monotonic(), 0.0, int(state.step)
    rate = float(state.opt_state.hyperparams["learning_rate"])

    def steps() -> Iterator[dict[str, jax.Array]]:
        nonlocal state, waited
        metrics: dict[str, jax.Array] = {}
        for _ in range(per_epoch):  # and no batch more: the iterator's saved position is exact
            asked = time.monotonic()
            batch = run.shard(next(run.train_batches))
            # If the device is still busy now, it did not wait for this batch. The sum is an upper
            # bound, because the device may have finished while the host waited.
            if not metrics or _is_ready(metrics["loss"]):
                waited += time.monotonic() - asked
            state, metrics = step(state, teachers, batch, run.key)
            yield metrics

    pending: list[dict[str, jax.Array]] = []
    for number, metrics in enumerate(ahead(steps(), _STEPS_AHEAD), start=1):
        pending.append(jax.block_until_ready(metrics))
        if number % train.log_every == 0 or number == per_epoch:
            values = _read(pending, first_step + number, epoch)
            pending = []
            if number == per_epoch:
                seconds = time.monotonic() - start
                each = math.prod(run.clip_shape[:-4])  # clips of a video that the student sees
                values["clips_per_second"] = per_epoch * train.batch_size * each / seconds
                values["data_wait_fraction"] = waited / seconds
            values["learning_rate"] = rate
            tracker.write(first_step + number, epoch, "train", values)
        bar.update()
    return state


def _program(_: TrainState, teachers: BySource, *__: Any) -> frozenset[str]:
    """Returns what decides whether a step is compiled anew: which teachers there are."""
    return frozenset(teachers)


def _is_ready(value: Any) -> bool:
    """Whether the device has computed an array; the annotations of jax.Array lack this method."""
    return value.is_ready()


def _read(pending: list[dict[str, jax.Array]], step: int, epoch: int) -> dict[str, float]:
    """Fetches the metrics of the last steps and returns their means.

    Raises:
      RunError: a loss is not finite; names the step and the last good checkpoint.
    """
    fetched = jax.device_get(pending)
    for number, metrics in enumerate(fetched, start=step - len(fetched) + 1):
        if not np.isfinite(metrics["loss"]):
            raise RunError(diverged(f"the loss, {metrics['loss']},", number, epoch))
    return {name: float(np.mean([m[name] for m in fetched])) for name in fetched[0]}
