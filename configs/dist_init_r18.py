"""DistInit on a 3D ResNet-18: it copies a frozen network's features, DTG-Net's baseline.

Name the network with `--config.teachers.runs="('runs/one',)"`. `--config.method.distance` is l1
(default) or cross_entropy.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_dtg


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_dtg("dist_init_r18", dataset, model__name="ty_r3d_18", method__name="dist_init")
