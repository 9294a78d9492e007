"""The recipes of ConDi, PCL+KD and DTG-Net, on the papers' data sets and on small ones."""

from typing import Any

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import DATASETS, SMALL_SETS, build

# Of TY's augmentation the mirror image alone, where classes do not tell left from right.
_FLIP_ALONE = {
    f"augment.{name}": 0.0
    for name in ("contrast", "brightness", "hue", "blur", "channel_split", "noise")
}
# ConDi's rates (section 4.3.1), which does not say how many epochs there are; after these the rate
# would be a ten-thousandth.
_CONDI: dict[str, Any] = {
    "optim.learning_rate": 0.01,
    "schedule.name": "steps",
    "schedule.drops": (15, 30, 45),
    "train.epochs": 60,
}
# From nothing on many videos; what is pretrained there has the lower rate.
_CONDI_KINETICS: dict[str, Any] = {**_CONDI, "optim.learning_rate": 0.1}
_CONDI_STUDENT = {"model.name": "shufflenet3d_v2_2.0x"}  # Table 4.2
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
    recipe = _CONDI_SMALL if dataset in SMALL_SETS else {**_condi(dataset), **_CONDI_STUDENT}
    # Whether the teacher is right is learnt of clips nearly as it will see them: but for the random
    # window of the crop, they are not augmented. The thesis names no augmentation.
    recipe = {**recipe, "augment.enabled": False, "data.sampler": "clip", "eval.max_clips": 0}
    if drop_confidence:
        first = DATASETS.get(dataset, {}).get("schedule.warmup_epochs", 0) + 1
        recipe = {
            **recipe,
            "optim.multipliers": ((_CONFIDENCE, 1.0),),
            "schedule.group_drops": ((_CONFIDENCE, tuple(range(first, first + _DROPS))),),
        }
    return build(name, dataset, recipe, **overrides)


def build_clip_teacher(name: str, dataset: str, **overrides: Any) -> ConfigDict:
    """Returns the config of a large network whose clips are chosen (ConDi, section 4.3.1).

    Args:
      name: of the config.
      dataset: one of `DATASETS`.
      **overrides: as of `build`.

    Raises:
      InputError: no such data set.
    """
    own = {"method.name": "supervised", "eval.max_clips": 0}
    if dataset in SMALL_SETS:
        recipe = {**own, "data.sampler": "clip", "augment.enabled": False}
        return build(name, dataset, recipe, **overrides)
    # Hara et al. mirror clips and cut windows of five sizes at the corners; these lie anywhere.
    recipe = {**_condi(dataset), **_FLIP_ALONE, **own, "optim.weight_decay": 1e-3}
    return build(name, dataset, recipe, **overrides)


def _condi(dataset: str) -> dict[str, Any]:
    """Returns ConDi's rates on a data set of the thesis."""
    return _CONDI_KINETICS if "kinetics" in dataset else _CONDI


# PCL+KD 2024, Table 1, on its augmentation. The papers name no schedule: this is that of PCL's
# released code, whose rate falls an epoch later. The code watches the validation loss; here it is
# the accuracy that chooses.
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
    **_FLIP_ALONE,
    "augment.flip": 0.0,
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
    augmented = {"augment.enabled": False} if fine_tuned else _PCL_AUGMENT
    recipe = {**recipe, **augmented, "data.sampler": "clip"}
    return build(name, dataset, recipe, **overrides)


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
        recipe = (
            {"method.queue": 128 if dataset == "marionette_small" else 256} if has_queue else {}
        )
    return build(name, dataset, {**recipe, "augment.enabled": False}, **overrides)
