"""The base configuration, locked, and its validation with errors that name the field."""

import dataclasses
import json
from typing import Any

from ml_collections import ConfigDict

from vidkd_jax import methods, models
from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError, suggest


def get_base_config() -> ConfigDict:
    """Returns the defaults: TY's hyper-parameters (section IV.A) unless said otherwise."""
    config = ConfigDict()
    config.name = "run"  # the default workdir is runs/<name>
    config.seed = 0
    config.model = ConfigDict(
        {
            "name": "ty_r3d_18",
            "width": 1.0,
            "dtype": "float32",
            "init_from": "",  # weights to start from: a folder of `convert`, or a finished run's
        }
    )
    config.method = _method_defaults()
    # Finished runs, or folders of converted weights: the frozen teachers of methods that need some.
    config.teachers = ConfigDict({"runs": ()})
    config.augment = ConfigDict({"enabled": True, **dataclasses.asdict(Augment())})
    config.data = _data_defaults()
    config.optim = ConfigDict(
        {
            "learning_rate": 0.01,
            "momentum": 0.9,
            "nesterov": False,
            "weight_decay": 5e-4,
            "decay_on": "all",  # or "kernels", but not those of shortcuts: the released code's L2
        }
    )
    config.schedule = _schedule_defaults()
    config.train = ConfigDict(
        {
            "batch_size": 16,
            "epochs": 200,
            "repeats": 1,  # passes over the training videos in an epoch: more where they are few
            "log_every": 20,
            "remat": False,  # half the activations' memory for a little time
        }
    )
    config.eval = ConfigDict(
        {
            "batch_size": 16,
            "max_clips": 30,  # the released code's limit
            "average": "softmax",  # of a video's clips; or "logits"
            "calibration_bins": 15,
        }
    )
    config.distributed = False  # True: jax.distributed.initialize() before anything else
    return config.lock()


def _schedule_defaults() -> ConfigDict:
    # The rate drops tenfold after 10 epochs without a better validation accuracy (TY section IV.A);
    # patience 30 for early stopping is the released code's, the paper gives none.
    return ConfigDict(
        {
            "name": "plateau",  # or "cosine", which reads nothing of the rest
            "patience": 10,
            "factor": 0.1,
            "min_learning_rate": 1e-8,
            "early_stopping": 30,
        }
    )


def _method_defaults() -> ConfigDict:
    return ConfigDict(
        {
            "name": "supervised",
            "label_smoothing": 0.0,
            "kd_weight": 0.2,  # TY Table 8, best
            "temperature": 5.0,  # TY Table 8, best
            "scale_by_temperature_squared": False,  # TY eq. 3 has no factor
            "teacher_weights": (),  # of several teachers' soft targets; (): all alike
            "ema_decay": 0.999,
            "target_weight": 1.0,  # decoupled: Zhao et al. 2022
            "other_weight": 8.0,
            "feature_weight": 50.0,  # feature_matching: MARS
            "hint_weight": 100.0,  # RepDistiller
            "attention_weight": 1000.0,  # Zagoruyko & Komodakis 2017, their code
            "distance_weight": 25.0,  # relational: Park et al. 2019
            "angle_weight": 50.0,
            "student_blocks": (),  # hints, attention_transfer
            "blocks_of_teacher": (),
            "first_teacher": "none",  # or "random": the released code's untrained first teacher
        }
    )


def _data_defaults() -> ConfigDict:
    return ConfigDict(
        {
            "source": "records",  # or "videos": straight from video files, without conversion
            "root": "data",
            "name": "ucf101",
            "split": 1,
            "videos": "",  # source="videos": the folder of video files
            "annotations": "",  # source="videos": the lists' folder or file
            "modality": "rgb",  # "flow"; or "rgb_flow": RGB, and its flow for a teacher
            "frames": 16,
            "stride": 1,
            "sampler": "clip",  # or "still": one frame, repeated
            "short_side": 128,
            "crop": 112,  # side of the window that is cut from the records, for all networks
            "crop_sizes": (),  # of training windows, drawn at random and resized to crop; (): crop
            "size": 0,  # side that the student sees the window at; 0: as it is
            "fraction": 1.0,  # of each class' training videos
            "val": "groups",  # held out of training by group; or "val" / "test": that split
            "val_fraction": 0.1,  # of the training groups
            "threads": 2,
            "workers": 0,  # worker processes; 0: threads only
            "prefetch": 8,  # batches
        }
    )


def set_field(config: ConfigDict, field: str, value: Any) -> None:
    """Sets the dotted `field` to `value`, which must have the type of the present value."""
    valid = flatten(config)
    if field not in valid:
        raise InputError(f"config.{field}: no such field{suggest(field, valid)}")
    try:
        config.update_from_flattened_dict({field: value})
    except TypeError:
        kind = type(valid[field]).__name__
        raise InputError(f"config.{field}: {value!r} is not of type {kind}") from None


def flatten(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Returns {dotted field: value} of all leaves."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            leaves.update(flatten(value, f"{prefix}{name}."))
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def to_json(config: ConfigDict) -> dict[str, Any]:
    """Returns the config as plain nested dictionaries of JSON types."""
    return json.loads(config.to_json())


def augmentation(config: ConfigDict) -> Augment:
    """Returns the augmentation that `config.augment` describes; none where it is not enabled."""
    options = config.augment.to_dict()
    return Augment(**options) if options.pop("enabled") else Augment.none()


_CHOICES = {
    "model.dtype": ("float32", "bfloat16"),
    "method.first_teacher": ("none", "random"),
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
    "schedule.patience": 1,
    "schedule.early_stopping": 1,
    "train.batch_size": 1,
    "train.epochs": 1,
    "train.repeats": 1,
    "train.log_every": 1,
    "eval.batch_size": 1,
    "eval.max_clips": 1,
    "eval.calibration_bins": 1,
}
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
    leaves = flatten(config)
    for field, choices in _CHOICES.items():
        if leaves[field] not in choices:
            raise InputError(
                f"config.{field}: no '{leaves[field]}'{suggest(leaves[field], choices)}"
            )
    _validate_ranges(leaves)
    _validate_numbers(leaves)
    _validate_unread(config, leaves)
    augmentation(config)
    _validate_modality(config.data)
    largest = max((config.data.crop, *config.data.crop_sizes))
    if largest > config.data.short_side:
        raise InputError(
            f"config.data.crop: {largest} is larger than data.short_side "
            f"({config.data.short_side}); use a smaller crop"
        )


def _validate_unread(config: ConfigDict, leaves: dict[str, Any]) -> None:
    """Refuses settings that would do nothing: two runs that differ in them would be the same."""
    read = {"name", *methods.option_names(config.method.name)}
    if config.method.name == "teaching_yourself":
        read.add("first_teacher")
    for name, default in _method_defaults().items():
        if name not in read and leaves[f"method.{name}"] != default:
            raise InputError(
                f"config.method.{name}: method '{config.method.name}' does not read it; it reads "
                f"{', '.join(sorted(read - {'name'}))}"
            )
    if config.schedule.name == "cosine":
        for name, default in _schedule_defaults().items():
            if name != "name" and config.schedule[name] != default:
                raise InputError(
                    f"config.schedule.{name}: schedule 'cosine' does not read it; use "
                    "schedule.name='plateau'"
                )


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
    """Checks tuples of numbers, and what is either 0 or has a least value."""
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
