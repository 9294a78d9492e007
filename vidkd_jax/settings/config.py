"""The base configuration, locked; what is in it, by dotted name."""

import dataclasses
import json
from typing import Any

from ml_collections import ConfigDict

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
            # The scales of the norms that end residual blocks begin at 0, each block as its
            # shortcut: deep networks learn earlier (Goyal et al. 2017, section 5.1).
            # Weights of `init_from` replace them.
            "zero_init_residual": False,
            "init_from": "",  # weights to start from: a folder of `convert`, or a finished run's
        }
    )
    config.method = method_defaults()
    config.teachers = ConfigDict(
        {
            # Finished runs, or folders of converted weights: the frozen teachers of methods that
            # need some.
            "runs": (),
            "dtype": "",  # that teachers compute in, TY's own past, too; "": model.dtype
        }
    )
    config.augment = ConfigDict({"enabled": True, **dataclasses.asdict(Augment())})
    config.data = _data_defaults()
    config.optim = ConfigDict(
        {
            "name": "sgd",  # or "adamw"
            "learning_rate": 0.01,
            "momentum": 0.9,  # of AdamW: beta 1
            "nesterov": False,
            "weight_decay": 5e-4,
            "decay_on": "all",  # or "kernels", but not those of shortcuts: the released code's L2
        }
    )
    config.schedule = schedule_defaults()
    config.train = ConfigDict(
        {
            "batch_size": 16,
            "epochs": 200,
            # Passes over the training videos in an epoch, more where they are few; 0: as many as
            # make at least 64 batches.
            "repeats": 1,
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


def schedule_defaults() -> ConfigDict:
    """Returns the defaults of `config.schedule`."""
    # The rate drops tenfold after 10 epochs without a better validation accuracy (TY section IV.A);
    # patience 30 for early stopping is the released code's, the paper gives none.
    return ConfigDict(
        {
            "name": "plateau",  # or "cosine", which reads only warmup_epochs of the rest
            "warmup_epochs": 0,
            "patience": 10,
            "factor": 0.1,
            "min_learning_rate": 1e-8,
            "early_stopping": 30,
        }
    )


def method_defaults() -> ConfigDict:
    """Returns the defaults of `config.method`: of all methods' options.

    Where methods share an option, the default is TY's, and the methods' own configs (such as
    `configs/decoupled_r18.py`) set what their papers have.
    """
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
