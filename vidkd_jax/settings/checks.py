"""Whether settings go together: all that can be told without data; errors name the field."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from vidkd_jax import models
from vidkd_jax.errors import InputError, check_text
from vidkd_jax.methods import LAST_EPOCH
from vidkd_jax.settings.settings import DataSettings, ScheduleSettings, Settings

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


def validate(settings: Settings) -> None:
    """Checks all that can be checked without data, but for what fields and methods say themselves.

    Raises:
      InputError: one line that names the field and what would be right.
    """
    name = settings.model.name
    backbone = models.lookup(name, field="config.model.name")
    if settings.model.zero_init_residual and not backbone.last_norm:
        raise InputError(
            f"config.model.zero_init_residual: '{name}' has no residual blocks that end in a norm; "
            "leave it False"
        )
    _validate_values(settings)
    _validate_optimiser(settings)
    _validate_drops(settings)
    _validate_fork(settings)
    _validate_folds(settings)
    _validate_data(settings.data)
    _validate_residual(settings)


def _validate_optimiser(settings: Settings) -> None:
    """Refuses settings of optimiser and schedule that would do nothing, or too much."""
    optim, schedule, epochs = settings.optim, settings.schedule, settings.train.epochs
    if optim.nesterov and optim.name == "adamw":
        raise InputError("config.optim.nesterov: 'adamw' does not read it; use optim.name='sgd'")
    if optim.nesterov and not optim.momentum:
        raise InputError("config.optim.nesterov: is of momentum; set optim.momentum")
    if schedule.warmup_epochs >= epochs:
        raise InputError(
            f"config.schedule.warmup_epochs: {schedule.warmup_epochs} of train.epochs={epochs}: "
            "the learning rate would never be reached; use fewer of them, such as 0"
        )
    if schedule.name == "plateau" and settings.method.selected_on == LAST_EPOCH:
        raise InputError(
            f"config.schedule.name: 'plateau' follows a validation figure, and with method "
            f"'{settings.method_name}' the last epoch counts: the rate would never fall; use "
            "schedule.name='cosine' or 'steps'"
        )
    for field in dataclasses.fields(ScheduleSettings):
        if field.name == "factor" and schedule.group_drops:
            continue
        readers = _SCHEDULES_THAT_READ.get(field.name)
        is_set = getattr(schedule, field.name) != field.default
        if readers and schedule.name not in readers and is_set:
            raise InputError(
                f"config.schedule.{field.name}: schedule '{schedule.name}' does not read it; use "
                f"schedule.name='{readers[0]}'"
            )


def _validate_drops(settings: Settings) -> None:
    """Checks the drops of the rate, the patterns that they and multipliers name, epochs to keep."""
    _check_epochs("schedule.drops", settings.schedule.drops)
    _check_epochs("train.keep_epochs", settings.train.keep_epochs)
    patterns = []
    for pair in settings.optim.multipliers:
        if not (_is_pattern(pair) and _is_factor(pair[1])):
            raise InputError(
                f"config.optim.multipliers: {pair!r}; give (pattern, factor) pairs, such as "
                "(('confidence', 0.1),)"
            )
        patterns.append(pair[0])
    _check_once("optim.multipliers", patterns)
    for drop in settings.schedule.group_drops:
        if not _is_pattern(drop):
            raise InputError(
                f"config.schedule.group_drops: {drop!r}; give (pattern, epochs) pairs, such as "
                "(('confidence', (1, 2)),)"
            )
        _check_epochs("schedule.group_drops", drop[1])
        if drop[0] not in patterns:
            raise InputError(
                f"config.schedule.group_drops: '{drop[0]}' is no pattern of optim.multipliers; "
                f"add ('{drop[0]}', 1.0) there"
            )
    _check_once("schedule.group_drops", [drop[0] for drop in settings.schedule.group_drops])


def _check_once(field: str, patterns: Sequence[str]) -> None:
    """Refuses a pattern that is there twice: one of the two would not count."""
    if len(set(patterns)) < len(patterns):
        raise InputError(f"config.{field}: {tuple(patterns)} has a pattern twice; give each once")


def _validate_fork(settings: Settings) -> None:
    """Refuses a fork without its epoch, one that has nothing left to do, and two beginnings."""
    train = settings.train
    trunk, epoch = train.fork_from, train.fork_epoch
    if bool(trunk) != (epoch >= 1):
        raise InputError(
            f"config.train.fork_epoch: {epoch} with train.fork_from='{trunk}'; set both, or neither"
        )
    if epoch >= train.epochs:
        raise InputError(
            f"config.train.fork_epoch: {epoch} of train.epochs={train.epochs}: nothing "
            "is left to train; use a smaller one"
        )
    if trunk and settings.model.init_from:
        raise InputError(
            "config.model.init_from: train.fork_from already says where the student begins; set "
            "one of them"
        )


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


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


def _validate_folds(settings: Settings) -> None:
    """Refuses folds that are not there, or that would do nothing."""
    folds, fold, crossed = settings.data.folds, settings.data.fold, settings.teachers.cross_fitted
    if folds == 1 or fold > folds:
        raise InputError(
            f"config.data.fold: {fold} of data.folds={folds}; use two folds or more, and one of "
            "them"
        )
    if settings.data.val == "fold" and not fold:
        raise InputError(
            "config.data.val: 'fold' validates on the groups of one fold; set data.folds to their "
            "number, and data.fold to the one"
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


def _validate_data(data: DataSettings) -> None:
    """Refuses clips that the videos do not have, and settings that would do nothing."""
    source, modality = data.source, data.modality
    if data.subset_seed and data.fraction == 1:
        raise InputError(
            "config.data.subset_seed: chooses a part of the training videos, and data.fraction=1.0 "
            "takes all; set data.fraction"
        )
    for name in ("videos", "annotations"):
        if getattr(data, name) and source != "videos":
            raise InputError(
                f"config.data.{name}: data.source='{source}' does not read it; use "
                "data.source='videos'"
            )
    largest = max((data.crop, *data.crop_sizes))
    if largest > data.short_side:
        raise InputError(
            f"config.data.crop: {largest} is larger than data.short_side "
            f"({data.short_side}); use a smaller crop"
        )
    if modality != "rgb" and source != "records":
        raise InputError(
            f"config.data.modality: '{modality}' needs data.source='records', with the flow that "
            "data_prep.flow makes"
        )
    if modality != "rgb" and data.sampler == "still":
        raise InputError(
            f"config.data.modality: '{modality}' shows motion, which data.sampler='still' is to "
            "hide; use 'rgb'"
        )


def _validate_residual(settings: Settings) -> None:
    """Refuses residual frames of clips in which nothing changes.

    Raises:
      InputError: the network would see zeros.
    """
    data, residual = settings.data, settings.model.residual
    if residual == "none":
        return
    for field, value in (("sampler", "still"), ("frames", 1)):
        if getattr(data, field) == value:
            raise InputError(
                f"config.model.residual: '{residual}' shows changes, and the clips of "
                f"data.{field}={value!r} have none; use 'none'"
            )


def _validate_values(settings: Settings) -> None:
    """Checks what the bounds of single fields cannot say."""
    if not 0 <= settings.seed < _SEEDS:
        raise InputError(f"config.seed: {settings.seed}; use at least 0, less than {_SEEDS}")
    for field, value in settings.by_field().items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                check_text(f"config.{field}", text)
    runs = settings.teachers.runs
    if not all(isinstance(folder, str) for folder in runs):
        raise InputError(f"config.teachers.runs: {runs}; name folders")
    sizes = settings.data.crop_sizes
    if not all(isinstance(size, int) and size >= 8 for size in sizes):
        raise InputError(
            f"config.data.crop_sizes: {sizes}; use whole numbers from 8 up, or shares of data.crop "
            "such as 0.75"
        )
    if 0 < settings.data.size < 8:
        raise InputError(f"config.data.size: {settings.data.size}; use 0 (as crop), or 8 or more")
