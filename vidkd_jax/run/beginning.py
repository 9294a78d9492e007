"""Where a run begins: at its newest checkpoint, at another run from which it forks, or afresh."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from vidkd_jax import methods, models
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation import evaluators
from vidkd_jax.methods import Frozen
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints, load_epoch
from vidkd_jax.networks.network import Variables
from vidkd_jax.run import init_from, origins
from vidkd_jax.run.asking import BySource
from vidkd_jax.run.building import Run
from vidkd_jax.run.optimizer import path_names
from vidkd_jax.run.saved import saved_fields, saved_network, saved_settings
from vidkd_jax.run.schedule import Progress, Schedule
from vidkd_jax.run.state import TrainState
from vidkd_jax.run.validation import Validation
from vidkd_jax.runtime import sharding

_SAID = "memory/queue/"  # what a run's own teachers have said of earlier batches


class Start(NamedTuple):
    """Where a run stands.

    Attributes:
      state: on the devices.
      progress: the epochs that are done.
      teachers: variables of those that do not live in the state, by source.
      validation: that has asked these teachers already; None: they have not been asked.
    """

    state: TrainState
    progress: Progress
    teachers: BySource
    validation: Validation | None = None


def begin(run: Run, checkpoints: Checkpoints) -> Start:
    """Returns where a run stands: at its newest checkpoint, at a trunk, or at its first step.

    Raises:
      InputError: the checkpoint, the trunk or the weights to start from do not fit the run.
      RunError: the student with which a fork begins cannot be validated.
    """
    state, progress = run.initial_state(), Progress(run.settings.optim.learning_rate)
    validation = None
    if checkpoints.latest_epoch() is not None:
        state, saved = checkpoints.load_latest(state, run.train_batches.iterator)
        progress = Progress(**saved)
    elif run.settings.train.fork_from:
        state, progress = from_trunk(run, state)
        validation = Validation(run, run.teachers.first)
        progress = _first_best(validation, state, progress, checkpoints)
    else:
        state = from_weights(run, state)
    teachers = run.teachers.first
    if run.teachers.promotes and progress.best_epoch:
        best = checkpoints.load_best(progress.best_epoch, state.variables)
        teachers = run.teachers.promoted(teachers, best)
        if validation:
            validation.promote(teachers)
    return Start(state, progress, teachers, validation)


def _first_best(
    validation: Validation, state: TrainState, progress: Progress, checkpoints: Checkpoints
) -> Progress:
    """Makes the student with which a fork begins its best one so far; returns the progress."""
    found = validation.judge(state, progress.epoch)
    checkpoints.save_best(progress.epoch, state.variables)
    return progress.with_best(found.score)


def from_weights(run: Run, state: TrainState) -> TrainState:
    """Returns the state before the first step, with the weights of `model.init_from`.

    Args:
      run: its parts.
      state: freshly initialised; returned where the run starts from no weights.

    Raises:
      InputError: the folder holds no weights, or another network's.
    """
    model = run.settings.model
    anew: dict[str, str] = {}
    if model.init_from:
        before = Path(model.init_from)
        anew = _of_other_teachers(run, before) | _of_other_classes(run, before)
    with sharding.together():
        variables = init_from.first_variables(model, state.variables, anew)
    if variables is state.variables:
        return state
    _check_same("config.model.init_from", variables)
    variables = sharding.replicate(variables, run.mesh)
    return state.replace(variables=variables, memory=run.first_memory(variables))


def _check_same(field: str, variables: Variables) -> None:
    """Refuses weights that another process has otherwise, whose folder may be another one."""
    sharding.check_same(
        lambda: {f"{field}, the weights": weights.digest(weights.student_of(variables))},
        "give all the same weights",
    )


def from_trunk(run: Run, state: TrainState) -> tuple[TrainState, Progress]:
    """Returns state and progress of the trunk after the epoch of the fork.

    Arrays that the fork alone has, such as its adapters and their part of the optimiser, begin as
    in `state`; they are listed on stderr. So do what the trunk learnt beside other teachers than
    the fork's, and its queues of their features. A memory that the trunk lacks begins at the
    trunk's variables.

    Args:
      run: the fork.
      state: the fork's own, before the first step.

    Raises:
      InputError: the trunk did not keep the epoch, trained what the fork does not have, or has not
        improved for longer than the fork waits for it.
    """
    train = run.settings.train
    trunk, epoch = Path(train.fork_from), train.fork_epoch
    with sharding.together():
        found, saved_progress = load_epoch(trunk, epoch)
    _check_same("config.train.fork_from", Variables(**found["variables"]))
    saved = _by_path(found)
    if anew := _of_other_teachers(run, trunk):
        saved = {
            path: leaf
            for path, leaf in saved.items()
            if anew.keys().isdisjoint(path.split("/")) and not path.startswith(_SAID)
        }
    steps = epoch * run.train_batches.per_epoch
    if saved["step"] != steps:
        raise InputError(
            f"config.train.fork_from: {epoch} epochs of '{trunk}' are {saved['step']} steps, here "
            f"they are {steps}; fork on the same videos, with the same batches"
        )
    rest = state.replace(memory={})
    own = _by_path(rest)
    lost = [path for path in saved if not path.startswith("memory/") and path not in own]
    if lost:
        raise InputError(
            f"config.train.fork_from: '{trunk}' trained {lost[0]}, and this run has no such array "
            f"({len(lost)} in all); fork a run of the same network and optimiser"
        )
    fresh: list[str] = []
    rest = sharding.replicate(_filled(rest, saved, fresh), run.mesh)
    memory = run.first_memory(rest.variables)
    filled = _filled({"memory": memory}, saved, [])["memory"]
    memory = jax.tree.map(lambda old, new: jax.device_put(new, old.sharding), memory, filled)
    if fresh and sharding.is_main():
        print(f"{trunk}: fork begins afresh with {', '.join(fresh)}", file=sys.stderr)
    return rest.replace(memory=memory), _progress_of_trunk(run, trunk, Progress(**saved_progress))


def _progress_of_trunk(run: Run, trunk: Path, saved: Progress) -> Progress:
    """Returns how far a fork is: as its trunk was, without its best where that was another figure.

    What a student has that is judged by its teachers' answers is another figure beside others.

    Raises:
      InputError: by the trunk's best epoch the fork would stop at once.
    """
    schedule = Schedule.of(run.settings)
    progress = saved.under(schedule)
    # A trunk of a method that is not known here has been selected on nobody knows what.
    known = saved_fields(trunk).get("method.name") in methods.available()
    before, own = saved_settings(trunk) if known else None, run.settings.method
    if before is None or before.method.selected_on != own.selected_on:
        return progress.selected_anew()
    judged_by_teachers = Frozen.name in evaluators.sources_of(own.validated_by)
    if judged_by_teachers and _had_other_teachers(run, trunk):
        return progress.selected_anew()
    if dataclasses.replace(progress, end=0).is_over(schedule):
        raise InputError(
            f"config.schedule.early_stopping: {schedule.early_stopping} epochs, but '{trunk}' was "
            f"best after epoch {progress.best_epoch}, and a fork after epoch {progress.epoch} "
            "would stop at once; use more, or an earlier train.fork_epoch"
        )
    return progress


def _of_other_teachers(run: Run, before: Path) -> dict[str, str]:
    """Returns the student's layers that mean nothing beside the run's teachers, and why.

    A layer that leads to what a teacher says, such as an anchor or an adapter, bears the teacher's
    number alone.

    Args:
      run: its parts.
      before: the folder of the run in which they were trained.
    """
    if not _had_other_teachers(run, before):
        return {}
    return dict.fromkeys(run.student_alone.training_only, "it was trained beside other teachers")


def _had_other_teachers(run: Run, before: Path) -> bool:
    """Whether a run is known to have had other trained teachers than this one."""
    taught_by = saved_network(before).get(origins.TEACHERS)
    return taught_by is not None and taught_by != list(run.frozen.digests)


def _of_other_classes(run: Run, before: Path) -> dict[str, str]:
    """Returns the classifier if it was trained for as many classes, but others, and why.

    One for another number of classes has another shape, which tells it.
    """
    card, own = weights.load_card(before), run.card
    if card.num_classes != own.num_classes:
        return {}
    reason = card.other_classes(own.num_classes, own.class_names)
    return {models.lookup(own.model).head: f"there it {reason}"} if reason else {}


def _by_path(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(path_names(path)): leaf for path, leaf in leaves}


def _filled(tree: Any, saved: Mapping[str, np.ndarray], fresh: list[str]) -> Any:
    """Returns the tree with the saved arrays of equal paths; adds the paths of others to `fresh`.

    Raises:
      InputError: an array has another shape.
    """

    def fill(path: Any, leaf: Any) -> Any:
        name = "/".join(path_names(path))
        if name not in saved:
            fresh.append(name)
            return leaf
        if saved[name].shape != leaf.shape or saved[name].dtype != leaf.dtype:
            raise InputError(
                f"config.train.fork_from: {name} is {saved[name].dtype}{saved[name].shape} there, "
                f"here {leaf.dtype}{leaf.shape}; fork a run of the same network and optimiser"
            )
        return saved[name]

    return jax.tree_util.tree_map_with_path(fill, tree)
