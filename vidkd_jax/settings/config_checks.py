"""Whether a config can be run: all that can be told without data, in errors that name the field."""

import math
from typing import Any

from ml_collections import ConfigDict

from vidkd_jax import methods, models
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings.config import augmentation, flatten, method_defaults, schedule_defaults

_CHOICES = {
    "teachers.dtype": ("", "float32", "bfloat16"),
    "model.dtype": ("float32", "bfloat16"),
    "method.first_teacher": ("none", "random"),
    "optim.name": ("sgd", "adamw"),
    "optim.decay_on": ("all", "kernels"),
    "schedule.name": ("plateau", "cosine"),
    "data.source": ("records", "videos"),
    "data.modality": ("rgb", "flow", "rgb_flow"),
    "data.sampler": ("clip", "still"),
    "data.val": ("groups", "val", "test"),
    "eval.average": ("softmax", "logits"),
}
_AT_LEAST = {
    "seed": 0,
    "model.width": 1 / 64,
    "method.kd_weight": 0,
    "method.target_weight": 0,
    "method.other_weight": 0,
    "method.feature_weight": 0,
    "method.hint_weight": 0,
    "method.attention_weight": 0,
    "method.distance_weight": 0,
    "method.angle_weight": 0,
    "data.split": 1,
    "data.frames": 1,
    "data.stride": 1,
    "data.short_side": 8,
    "data.crop": 8,
    "data.size": 0,
    "data.threads": 1,
    "data.workers": 0,
    "data.prefetch": 1,
    "optim.learning_rate": 0,
    "optim.weight_decay": 0,
    "schedule.warmup_epochs": 0,
    "schedule.patience": 1,
    "schedule.early_stopping": 1,
    "train.batch_size": 1,
    "train.epochs": 1,
    "train.repeats": 0,
    "train.log_every": 1,
    "eval.batch_size": 1,
    "eval.max_clips": 1,
    "eval.calibration_bins": 1,
}
_NAMES = {
    "teachers.runs": "folders",
    "method.student_blocks": "blocks of the network",
    "method.blocks_of_teacher": "blocks of the network",
}
_SEEDS = 2**32  # JAX's keys take no more
# low < value <= high, and low <= value < high:
_WITHIN = {
    "data.fraction": (0, 1),
    "data.val_fraction": (0, 1),
    "schedule.factor": (0, 1),
}
_HALF_OPEN = {
    "optim.momentum": (0, 1),
    "method.label_smoothing": (0, 1),
}


def validate(config: ConfigDict) -> None:
    """Checks all that can be checked without data.

    Raises:
      InputError: one line that names the field and what would be right.
    """
    if config.model.name not in models.available():
        raise InputError(
            f"config.model.name: no backbone '{config.model.name}'"
            + suggest(config.model.name, models.available())
        )
    if config.method.name not in methods.available():
        raise InputError(
            f"config.method.name: no method '{config.method.name}'"
            + suggest(config.method.name, methods.available())
        )
    if config.model.zero_init_residual and not models.lookup(config.model.name).last_norm:
        raise InputError(
            f"config.model.zero_init_residual: '{config.model.name}' has no residual blocks that "
            "end in a norm; leave it False"
        )
    leaves = flatten(config)
    for field, choices in _CHOICES.items():
        if leaves[field] not in choices:
            raise InputError(
                f"config.{field}: no '{leaves[field]}'{suggest(leaves[field], choices)}"
            )
    _validate_numbers(leaves)
    _validate_ranges(leaves)
    _validate_unread(config, leaves)
    _validate_optimiser(config)
    augmentation(config)
    _validate_data(config.data)


def _validate_unread(config: ConfigDict, leaves: dict[str, Any]) -> None:
    """Refuses settings that would do nothing: two runs that differ in them would be the same."""
    read = {"name", *methods.option_names(config.method.name)}
    for name, default in method_defaults().items():
        if name not in read and leaves[f"method.{name}"] != default:
            raise InputError(
                f"config.method.{name}: method '{config.method.name}' does not read it; it reads "
                f"{', '.join(sorted(read - {'name'}))}"
            )


def _validate_optimiser(config: ConfigDict) -> None:
    """Refuses settings of optimiser and schedule that would do nothing, or too much."""
    optim, schedule = config.optim, config.schedule
    if optim.nesterov and optim.name == "adamw":
        raise InputError("config.optim.nesterov: 'adamw' does not read it; use optim.name='sgd'")
    if optim.nesterov and not optim.momentum:
        raise InputError("config.optim.nesterov: is of momentum; set optim.momentum")
    if schedule.warmup_epochs >= config.train.epochs:
        raise InputError(
            f"config.schedule.warmup_epochs: {schedule.warmup_epochs} of train.epochs="
            f"{config.train.epochs}: the learning rate would never be reached; use fewer"
        )
    if schedule.name == "cosine":
        for name, default in schedule_defaults().items():
            if name not in ("name", "warmup_epochs") and schedule[name] != default:
                raise InputError(
                    f"config.schedule.{name}: schedule 'cosine' does not read it; use "
                    "schedule.name='plateau'"
                )


def _validate_data(data: ConfigDict) -> None:
    for name in ("videos", "annotations"):
        if data[name] and data.source != "videos":
            raise InputError(
                f"config.data.{name}: data.source='{data.source}' does not read it; use "
                "data.source='videos'"
            )
    largest = max((data.crop, *data.crop_sizes))
    if largest > data.short_side:
        raise InputError(
            f"config.data.crop: {largest} is larger than data.short_side ({data.short_side}); use "
            "a smaller crop"
        )
    _validate_modality(data)


def _validate_modality(data: ConfigDict) -> None:
    if data.modality == "rgb":
        return
    if data.source != "records":
        raise InputError(
            f"config.data.modality: '{data.modality}' needs data.source='records', with the flow "
            "that data_prep.flow makes"
        )
    if data.sampler == "still":
        raise InputError(
            f"config.data.modality: '{data.modality}' shows motion, which data.sampler='still' is "
            "to hide; use 'rgb'"
        )


def _validate_numbers(leaves: dict[str, Any]) -> None:
    """Checks what no other number is, what is in tuples, and what is 0 or has a least value."""
    for field, value in leaves.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"config.{field}: {value}; use a finite number")
    if leaves["seed"] >= _SEEDS:
        raise InputError(f"config.seed: {leaves['seed']}; use less than {_SEEDS}")
    for field, what in _NAMES.items():
        if not all(isinstance(name, str) for name in leaves[field]):
            raise InputError(f"config.{field}: {leaves[field]}; name {what}")
    sizes, shares = leaves["data.crop_sizes"], leaves["method.teacher_weights"]
    if not all(isinstance(size, int) and size >= 8 for size in sizes):
        raise InputError(f"config.data.crop_sizes: {sizes}; use whole numbers from 8 up")
    if not all(isinstance(share, int | float) for share in shares):
        raise InputError(f"config.method.teacher_weights: {shares}; use numbers from 0 up")
    if 0 < leaves["data.size"] < 8:
        raise InputError(f"config.data.size: {leaves['data.size']}; use 0 (as crop), or 8 or more")
    if not 0 < leaves["method.ema_decay"] < 1:
        raise InputError(
            f"config.method.ema_decay: {leaves['method.ema_decay']}; use more than 0, less than 1"
        )


def _validate_ranges(leaves: dict[str, Any]) -> None:
    for field, low in _AT_LEAST.items():
        if not leaves[field] >= low:
            raise InputError(f"config.{field}: {leaves[field]} is too small; use at least {low}")
    for field, (low, high) in _WITHIN.items():
        if not low < leaves[field] <= high:
            raise InputError(
                f"config.{field}: {leaves[field]}; use more than {low}, at most {high}"
            )
    for field, (low, high) in _HALF_OPEN.items():
        if not low <= leaves[field] < high:
            raise InputError(
                f"config.{field}: {leaves[field]}; use at least {low}, less than {high}"
            )
    if not leaves["method.temperature"] > 0:
        raise InputError(
            f"config.method.temperature: {leaves['method.temperature']}; use more than 0"
        )
