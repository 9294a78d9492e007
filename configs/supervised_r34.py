"""Independent training, TY's baseline with augmentation, on the 3D ResNet-34.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
To train without augmentation, add `--config.augment.enabled=False`.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build("supervised_r34", dataset, model__name="ty_r3d_34", method__name="supervised")
