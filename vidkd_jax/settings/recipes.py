"""What the files in configs/ share: a recipe on each of TY's data sets, chosen by argument.

`--config=configs/ty_r18.py:hmdb51` calls `get_config("hmdb51")` there, which calls `build` here.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from vidkd_jax.data.record_sets import TASKS
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings.config import get_base_config, set_field

# A network of an eighth of the width for processors, and how it learns in few steps. TY's SGD needs
# twice the epochs for the built-in videos with augmentation, and how soon is a matter of chance.
_LAPTOP: dict[str, Any] = {
    "model.width": 0.125,
    "data.frames": 8,
    "data.stride": 2,
    "optim.name": "adamw",
    "optim.learning_rate": 2e-3,
    "optim.weight_decay": 0.01,
    # On a small budget a plateau comes by chance of one epoch's validation; this ends flat.
    "schedule.name": "cosine",
    "schedule.warmup_epochs": 5,
    "eval.batch_size": 32,  # on a processor a clip takes a quarter longer in batches of 64
}
_MARIONETTE: dict[str, Any] = {
    **_LAPTOP,
    "data.short_side": 56,
    "data.crop": 48,
    "data.val_fraction": 0.41,  # of preset standard: 59 groups; 85 train, 72 test
    "train.epochs": 25,
}
# The built-in data sets: preset standard; a third of its training videos, on which a network
# overfits as the papers' do on UCF101; the same two with the many test videos of preset study;
# other actors, for teachers; half of preset small's, fewer still, as HMDB51 has; presets untrimmed
# and long.
# An epoch passes over few videos several times: all take the steps of standard's 1,190.
MARIONETTE_SETS: dict[str, dict[str, Any]] = {
    "marionette": {},
    "marionette_third": {"data.name": "marionette", "data.fraction": 1 / 3, "train.repeats": 3},
    "marionette_study": {},
    "marionette_study_third": {
        "data.name": "marionette_study",
        "data.fraction": 1 / 3,
        "train.repeats": 3,
    },
    # Of 360 actors 36 validate.
    "marionette_teachers": {"data.val_fraction": 0.1},
    "marionette_small": {"data.fraction": 0.5, "train.repeats": 6},
    "marionette_untrimmed": {"train.repeats": 2, "data.val_fraction": 0.2},
    # Of 144 actors 22 validate: the pretext task shows every clip of theirs in five ways.
    "marionette_long": {"data.val_fraction": 0.15},
    **{name: {"data.val_fraction": 0.1} for name in TASKS},
}
# What trains a narrow network in few steps.
SMALL_SETS = ("laptop", "utd_mhad", *MARIONETTE_SETS)
# In so few steps a 3D ResNet-50 of an eighth of the width gets 39 % of the validation videos right,
# behind the ResNet-18's 52 %; with blocks that begin as their shortcuts 46 % (SGD, 45 epochs).
_DEEP = ("ty_r3d_34", "ty_r3d_50")

# TY trains all three alike (section IV.A). Kinetics' official validation videos are its test split
# here, as in the literature: the official test labels are not public.
DATASETS: dict[str, dict[str, Any]] = {
    "ucf101": {"data.name": "ucf101"},
    "hmdb51": {"data.name": "hmdb51"},
    "kinetics400": {"data.name": "kinetics400"},
    "kinetics600": {"data.name": "kinetics600"},
    "mini_kinetics200": {"data.name": "mini_kinetics200"},
    # One's own videos on a processor, however few: 3,200 steps or more, or fewer where validation
    # stays perfect. Its videos are few then, so training ends with small steps, as a cosine does.
    "laptop": {
        **_LAPTOP,
        "data.name": "mine",
        "data.short_side": 64,
        "data.crop": 56,
        "data.val_fraction": 0.2,
        "train.batch_size": 8,
        "train.repeats": 0,
        "train.epochs": 50,
        "schedule.perfect_epochs": 5,
    },
    # Real people on a processor. Left and right make classes; a video is one action of one to three
    # seconds, at 30 frames a second: clips show the whole of it. Of the four subjects that train,
    # one validates. That clips show the whole is what cross-validation chooses (RESULTS.md).
    "utd_mhad": {
        **_LAPTOP,
        "data.name": "utd_mhad",
        "data.sampler": "segments",
        "data.stride": 5,
        "data.short_side": 64,
        "data.crop": 56,
        "data.val_fraction": 0.25,
        "augment.flip": 0.0,
        "train.repeats": 4,
        "train.epochs": 25,
    },
    # Its classes tell left from right.
    "ssv2": {"data.name": "ssv2", "augment.flip": 0.0},
    **{name: {**_MARIONETTE, "data.name": name, **own} for name, own in MARIONETTE_SETS.items()},
}
# The other official splits, for tables with a column for each: papers give means over all three.
OTHER_SPLITS: dict[str, dict[str, Any]] = {
    f"{name}_split{number}": {**DATASETS[name], "data.split": number}
    for name in ("ucf101", "hmdb51")
    for number in (2, 3)
}
DATASETS |= OTHER_SPLITS


def build(
    name: str, dataset: str, recipe: Mapping[str, Any] | None = None, **overrides: Any
) -> ConfigDict:
    """Returns the base config for a data set, with the fields of a recipe and of a config.

    Args:
      name: of the config.
      dataset: one of `DATASETS`.
      recipe: {dotted field: value}, such as a paper's; None: none.
      **overrides: further fields, with "__" for "."; they come last.

    Raises:
      InputError: no such data set.
    """
    if dataset not in DATASETS:
        raise InputError(f"--config=...:{dataset}: no such data set{suggest(dataset, DATASETS)}")
    config = get_base_config()
    values: dict[str, Any] = {
        "name": name if dataset == "ucf101" else f"{name}_{dataset}",
        **DATASETS[dataset],
        **(recipe or {}),
    }
    values.update({field.replace("__", "."): value for field, value in overrides.items()})
    if dataset in SMALL_SETS and values.get("model.name") in _DEEP:
        values.setdefault("model.zero_init_residual", True)
    for field, value in values.items():
        set_field(config, field, value)
    return config
