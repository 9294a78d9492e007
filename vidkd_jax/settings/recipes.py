"""What the files in configs/ share: a recipe on each of TY's data sets, chosen by argument.

`--config=configs/ty_r18.py:hmdb51` calls `get_config("hmdb51")` there, which calls `build` here.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

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
    # Other tasks on the videos of other actors.
    **{f"marionette_{task}": {"data.val_fraction": 0.1} for task in ("scene", "outfit", "motion")},
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
    # Real people on a processor. Left and right make classes; an action lasts one to three seconds,
    # at 30 frames a second. Of the four subjects that train, one validates.
    "utd_mhad": {
        **_LAPTOP,
        "data.name": "utd_mhad",
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


def build(name: str, dataset: str, **overrides: Any) -> ConfigDict:
    """Returns the base config for a data set, with dotted overrides ("__" for ".").

    Raises:
      InputError: no such data set.
    """
    if dataset not in DATASETS:
        raise InputError(f"--config=...:{dataset}: no such data set{suggest(dataset, DATASETS)}")
    config = get_base_config()
    values: dict[str, Any] = {
        "name": name if dataset == "ucf101" else f"{name}_{dataset}",
        **DATASETS[dataset],
    }
    values.update({field.replace("__", "."): value for field, value in overrides.items()})
    if dataset in SMALL_SETS and values.get("model.name") in _DEEP:
        values["model.zero_init_residual"] = True
    for field, value in values.items():
        set_field(config, field, value)
    return config


def _build(
    name: str, dataset: str, recipe: Mapping[str, Any], overrides: Mapping[str, Any]
) -> ConfigDict:
    """Returns the config of `build` with the fields of a recipe, which overrides may not repeat."""
    fields = {field.replace(".", "__"): value for field, value in recipe.items()}
    return build(name, dataset, **fields, **overrides)


# The student of ConDi (Table 4.2) and its optimiser (section 4.3.1), which does not say how many
# epochs there are; after these the rate would be a ten-thousandth.
_CONDI: dict[str, Any] = {
    "model.name": "shufflenet3d_v2_2.0x",
    "optim.learning_rate": 0.01,
    "schedule.name": "steps",
    "schedule.drops": (15, 30, 45),
    "train.epochs": 60,
}
# From nothing on many videos; what is pretrained there has the lower rate.
_CONDI_KINETICS: dict[str, Any] = {**_CONDI, "optim.learning_rate": 0.1}
# For processors: at most a tenth of the time of a ResNet-18 of a quarter of the width that sees the
# whole window. On one core, a clip of 8 frames takes 0.67 ms against 8.2 ms at 56 pixels, and 0.47
# ms against 4.9 ms at 48; the same teacher takes 21.7 ms for 16 frames. At 56 pixels, this network
# takes a sixth of its teacher's time, with half of the width an eighth.
_CONDI_SMALL: dict[str, Any] = {
    "model.name": "ty_r3d_10",
    "model.width": 1 / 16,
    "data.size": 32,
}
_CONFIDENCE = "^confidence/"  # the parameters of the head
_DROPS = 9  # of its rate; what is left after them moves no float32


def build_clip_sampler(
    name: str, dataset: str, *, drop_confidence: bool, **overrides: Any
) -> ConfigDict:
    """Returns the config of a student that chooses clips for a teacher (ConDi, chapter 4).

    Args:
      name: of the config.
      dataset: one of `DATASETS`.
      drop_confidence: lets the rate of the head "confidence" drop tenfold after every epoch from
        the first that has the full rate on, as the thesis does.
      **overrides: as of `build`.

    Raises:
      InputError: no such data set.
    """
    recipe = _CONDI_KINETICS if "kinetics" in dataset else _CONDI
    recipe = _CONDI_SMALL if dataset in SMALL_SETS else recipe
    # Whether the teacher is right is learnt of clips as it will see them. The thesis names no
    # augmentation.
    recipe = {**recipe, "augment.enabled": False}
    if drop_confidence:
        first = DATASETS.get(dataset, {}).get("schedule.warmup_epochs", 0) + 1
        recipe = {
            **recipe,
            "optim.multipliers": ((_CONFIDENCE, 1.0),),
            "schedule.group_drops": ((_CONFIDENCE, tuple(range(first, first + _DROPS))),),
        }
    return _build(name, dataset, recipe, overrides)


# PCL+KD 2024, Table 1, on its augmentation. The papers name no schedule: this is that of PCL's
# released code. The code watches the validation loss; here it is the accuracy that chooses.
_PCL: dict[str, Any] = {
    "model.residual": "circular",
    "data.frames": 10,
    "schedule.patience": 50,
    "schedule.min_learning_rate": 1e-5,
    "schedule.early_stopping": 200,
    "train.epochs": 200,
}
# Its augmentation, which has none of TY's operators but the blur.
_PCL_AUGMENT: dict[str, Any] = {
    **{f"augment.{name}": 0.0 for name in ("flip", "contrast", "brightness", "hue")},
    **{f"augment.{name}": 0.0 for name in ("channel_split", "noise")},
    "augment.jitter": 0.8,
    "augment.grey": 0.2,
    "augment.blur": 0.5,
}
# PCL's released code fine-tunes so, on its pixels in random windows.
_FINE_TUNED: dict[str, Any] = {
    **_PCL,
    "optim.learning_rate": 1e-3,
    "schedule.patience": 30,
    "train.batch_size": 8,
    "train.epochs": 150,
}


# A step has three clips of each video, augmented: on one core, 0.1 s for 16 videos.
_PCL_SMALL: dict[str, Any] = {"model.width": 1 / 16, "data.size": 32}


def build_pcl(name: str, dataset: str, *, fine_tuned: bool = False, **overrides: Any) -> ConfigDict:
    """Returns the config of a network of PCL, with or without a teacher, or fine-tuned after it.

    Args:
      name: of the config.
      dataset: one of `DATASETS`; "ucf101_2022": UCF101 with the 100 epochs of the 2022 paper, which
        are not of fine-tuning.
      fine_tuned: whether it learns actions from labels, on from `model.init_from`.
      **overrides: as of `build`.

    Raises:
      InputError: no such data set.
    """
    recipe = _FINE_TUNED if fine_tuned else _PCL
    if dataset == "ucf101_2022" and not fine_tuned:
        name, dataset, recipe = f"{name}_2022", "ucf101", {**recipe, "train.epochs": 100}
    if dataset in SMALL_SETS:  # how a narrow network learns in few steps is the set's own
        recipe = {"model.residual": recipe["model.residual"]}
    if dataset in SMALL_SETS and dataset != "laptop":
        recipe |= _PCL_SMALL
    if dataset == "utd_mhad":  # the shortest video has 41 frames: a tuple spans 49
        recipe |= {"data.stride": 2} if fine_tuned else {"data.stride": 2, "method.interval": 2}
    recipe = {**recipe, **({"augment.enabled": False} if fine_tuned else _PCL_AUGMENT)}
    return _build(name, dataset, recipe, overrides)


# DTG-Net, section 4.2. The paper gives neither batch, crop nor the number of segments, and no other
# augmentation than the crop (3.2).
_DTG: dict[str, Any] = {
    "optim.learning_rate": 0.1,
    "data.frames": 8,
    "schedule.name": "steps",
    "schedule.drops": (300, 500),
    "train.epochs": 600,
}
_DTG_KINETICS: dict[str, Any] = {**_DTG, "schedule.drops": (100, 150), "train.epochs": 200}
_DTG_SUPERVISED: dict[str, Any] = {**_DTG, "schedule.drops": (30, 60), "train.epochs": 80}


def build_dtg(name: str, dataset: str, *, supervised: bool = False, **overrides: Any) -> ConfigDict:
    """Returns the config of a student of DTG-Net.

    Args:
      name: of the config.
      dataset: one of `DATASETS`.
      supervised: whether it has labels, too.
      **overrides: as of `build`.

    Raises:
      InputError: no such data set.
    """
    recipe = _DTG_KINETICS if "kinetics" in dataset else _DTG
    recipe = _DTG_SUPERVISED if supervised else recipe
    if dataset in SMALL_SETS:  # few videos train there
        has_queue = overrides["method__name"].startswith("dtg")
        recipe = {"method.queue": 256} if has_queue else {}
    return _build(name, dataset, {**recipe, "augment.enabled": False}, overrides)


def build_frame_teacher(name: str, dataset: str, **overrides: Any) -> ConfigDict:
    """Returns the config of a still-image network, which sees one frame of each video at a time.

    Args:
      name: of the config.
      dataset: one of `DATASETS`.
      **overrides: as of `build`.

    Raises:
      InputError: no such data set.
    """
    still = {"model__name": "tsn_resnet18", "method__name": "supervised"}
    one_frame = {"data__frames": 1, "data__stride": 1, "augment__enabled": False}
    return build(name, dataset, **still, **one_frame, **overrides)
