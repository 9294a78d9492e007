"""Teaching Yourself on the 3D ResNet-50.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
To train without augmentation, add `--config.augment.enabled=False`.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build("ty_r50", dataset, model__name="ty_r3d_50", method__name="teaching_yourself")
