"""DTG-Net with labels on an I3D-style ResNet-50 that starts as its own teacher (Table 5).

Name the teacher with `--config.teachers.runs="('weights/kinetics_i3d_resnet50',)"`, and the same
weights with `--config.model.init_from`. Small recipes have a 3D ResNet-18.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_dtg
from vidkd_jax.settings.recipes import SMALL_SETS


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    config = build_dtg(
        "dtg_supervised_i3d50",
        dataset,
        supervised=True,
        model__name="ty_r3d_18" if dataset in SMALL_SETS else "i3d_resnet50",
        method__name="dtg_supervised",
    )
    if dataset not in SMALL_SETS:
        config.data.frames = 16
    return config
