"""Whether settings go together: all that can be told without data; errors name the field."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from vidkd_jax import methods, models
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings.settings import ScheduleSettings

# Settings of the schedule that not every schedule reads. `group_drops`, which every schedule reads,
# reads `factor`, too.
_SCHEDULES_THAT_READ = {
    "patience": ("plateau",),
    "factor": ("plateau", "steps"),
    "min_learning_rate": ("plateau",),
    "early_stopping": ("plateau",),
    "drops": ("steps",),
}
_SEEDS = 2**32  # JAX's keys take no more


def validate(values: Mapping[str, Any]) -> None:
    """Checks all that can be checked without data, before settings are made of the values.

    Each field's own bounds, in `settings.py`, and those of a method's options are checked besides.

    Args:
      values: by dotted field. An option of a method that is not set is None.

    Raises:
      InputError: one line that names the field and what would be right.
    """
    leaves = {field: value for field, value in values.items() if value is not None}
    name = leaves["model.name"]
    if name not in models.available():
        raise InputError(
            f"config.model.name: no backbone '{name}'{suggest(name, models.available())}"
        )
    _validate_method(leaves)
    if leaves["model.zero_init_residual"] and not models.lookup(name).last_norm:
        raise InputError(
            f"config.model.zero_init_residual: '{name}' has no residual blocks that end in a norm; "
            "leave it False"
        )
    _validate_numbers(leaves)
    _validate_optimiser(leaves)
    _validate_drops(leaves)
    _validate_fork(leaves)
    _validate_folds(leaves)
    _validate_data(leaves)


def _validate_method(leaves: Mapping[str, Any]) -> None:
    """Refuses options that would do nothing: two runs that differ in them would be the same."""
    name = leaves["method.name"]
    read = methods.options(name)
    for field in leaves:
        section, _, option = field.partition(".")
        if section == "method" and option != "name" and option not in read:
            raise InputError(
                f"config.{field}: method '{name}' does not read it; it reads "
                f"{', '.join(sorted(read)) or 'no option'}"
            )


def _validate_optimiser(leaves: Mapping[str, Any]) -> None:
    """Refuses settings of optimiser and schedule that would do nothing, or too much."""
    if leaves["optim.nesterov"] and leaves["optim.name"] == "adamw":
        raise InputError("config.optim.nesterov: 'adamw' does not read it; use optim.name='sgd'")
    if leaves["optim.nesterov"] and not leaves["optim.momentum"]:
        raise InputError("config.optim.nesterov: is of momentum; set optim.momentum")
    if leaves["schedule.warmup_epochs"] >= leaves["train.epochs"]:
        raise InputError(
            f"config.schedule.warmup_epochs: {leaves['schedule.warmup_epochs']} of train.epochs="
            f"{leaves['train.epochs']}: the learning rate would never be reached; use fewer"
        )
    name = leaves["schedule.name"]
    for field in dataclasses.fields(ScheduleSettings):
        if field.name == "factor" and leaves["schedule.group_drops"]:
            continue
        readers = _SCHEDULES_THAT_READ.get(field.name)
        if readers and name not in readers and leaves[f"schedule.{field.name}"] != field.default:
            raise InputError(
                f"config.schedule.{field.name}: schedule '{name}' does not read it; use "
                f"schedule.name='{readers[0]}'"
            )


def _validate_drops(leaves: Mapping[str, Any]) -> None:
    """Checks the drops of the rate, the patterns that they and multipliers name, epochs to keep."""
    for field in ("schedule.drops", "train.keep_epochs"):
        _check_epochs(field, leaves[field])
    patterns = []
    for pair in leaves["optim.multipliers"]:
        if not (_is_pattern(pair) and isinstance(pair[1], int | float) and pair[1] >= 0):
            raise InputError(
                f"config.optim.multipliers: {pair!r}; give (pattern, factor) pairs, such as "
                "(('confidence', 0.1),)"
            )
        patterns.append(pair[0])
    for pair in leaves["schedule.group_drops"]:
        if not _is_pattern(pair):
            raise InputError(
                f"config.schedule.group_drops: {pair!r}; give (pattern, epochs) pairs, such as "
                "(('confidence', (1, 2)),)"
            )
        _check_epochs("schedule.group_drops", pair[1])
        if pair[0] not in patterns:
            raise InputError(
                f"config.schedule.group_drops: '{pair[0]}' is no pattern of optim.multipliers; "
                f"add ('{pair[0]}', 1.0) there"
            )


def _validate_fork(leaves: Mapping[str, Any]) -> None:
    """Refuses a fork without its epoch, one that has nothing left to do, and two beginnings."""
    trunk, epoch = leaves["train.fork_from"], leaves["train.fork_epoch"]
    if bool(trunk) != (epoch >= 1):
        raise InputError(
            f"config.train.fork_epoch: {epoch} with train.fork_from='{trunk}'; set both, or neither"
        )
    if epoch >= leaves["train.epochs"]:
        raise InputError(
            f"config.train.fork_epoch: {epoch} of train.epochs={leaves['train.epochs']}: nothing "
            "is left to train; use a smaller one"
        )
    if trunk and leaves["model.init_from"]:
        raise InputError(
            "config.model.init_from: train.fork_from already says where the student begins; set "
            "one of them"
        )


def _is_pattern(pair: Any) -> bool:
    """Whether this is a pair that begins with a regular expression."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
        return False
    try:
        re.compile(pair[0])
    except re.error:
        return False
    return True


def _check_epochs(field: str, epochs: Any) -> None:
    whole = isinstance(epochs, tuple) and all(isinstance(e, int) and e >= 1 for e in epochs)
    if not whole or list(epochs) != sorted(set(epochs)):
        raise InputError(f"config.{field}: {epochs}; use rising numbers of epochs, from 1 up")


def _validate_folds(leaves: Mapping[str, Any]) -> None:
    """Refuses folds that are not there, or that would do nothing."""
    folds, fold, crossed = (
        leaves[field] for field in ("data.folds", "data.fold", "teachers.cross_fitted")
    )
    if folds == 1 or fold > folds:
        raise InputError(
            f"config.data.fold: {fold} of data.folds={folds}; use two folds or more, and one of "
            "them"
        )
    if crossed and (not folds or fold):
        raise InputError(
            f"config.teachers.cross_fitted: with data.folds={folds} and data.fold={fold}; its "
            "student trains on all folds: set data.folds to their number, and data.fold to 0"
        )
    if folds and not (fold or crossed):
        raise InputError(
            f"config.data.folds: {folds} would do nothing; set data.fold for a teacher, or "
            "teachers.cross_fitted=True for its student"
        )


def _validate_data(leaves: Mapping[str, Any]) -> None:
    source, modality = leaves["data.source"], leaves["data.modality"]
    if leaves["data.subset_seed"] and leaves["data.fraction"] == 1:
        raise InputError(
            "config.data.subset_seed: chooses a part of the training videos, and data.fraction=1.0 "
            "takes all; set data.fraction"
        )
    for name in ("videos", "annotations"):
        if leaves[f"data.{name}"] and source != "videos":
            raise InputError(
                f"config.data.{name}: data.source='{source}' does not read it; use "
                "data.source='videos'"
            )
    largest = max((leaves["data.crop"], *leaves["data.crop_sizes"]))
    if largest > leaves["data.short_side"]:
        raise InputError(
            f"config.data.crop: {largest} is larger than data.short_side "
            f"({leaves['data.short_side']}); use a smaller crop"
        )
    if modality != "rgb" and source != "records":
        raise InputError(
            f"config.data.modality: '{modality}' needs data.source='records', with the flow that "
            "data_prep.flow makes"
        )
    if modality != "rgb" and leaves["data.sampler"] == "still":
        raise InputError(
            f"config.data.modality: '{modality}' shows motion, which data.sampler='still' is to "
            "hide; use 'rgb'"
        )


def _validate_numbers(leaves: Mapping[str, Any]) -> None:
    """Checks what the bounds of single fields cannot say."""
    for field, value in leaves.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"config.{field}: {value}; use a finite number")
    if not 0 <= leaves["seed"] < _SEEDS:
        raise InputError(f"config.seed: {leaves['seed']}; use at least 0, less than {_SEEDS}")
    runs = leaves["teachers.runs"]
    if not all(isinstance(folder, str) for folder in runs):
        raise InputError(f"config.teachers.runs: {runs}; name folders")
    sizes = leaves["data.crop_sizes"]
    if not all(isinstance(size, int) and size >= 8 for size in sizes):
        raise InputError(f"config.data.crop_sizes: {sizes}; use whole numbers from 8 up")
    if 0 < leaves["data.size"] < 8:
        raise InputError(f"config.data.size: {leaves['data.size']}; use 0 (as crop), or 8 or more")
