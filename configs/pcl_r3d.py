"""R3D of PCL+KD without a teacher: pretext task and contrast, without labels.

The 2024 paper's values; `:ucf101_2022` has the 100 epochs of its predecessor. What the released
code of PCL does otherwise is `--config.data.frames=16`, `--config.method.contrast=banks`,
`--config.method.fifth=remote`, `--config.method.quadrants=fixed`,
`--config.method.segments=any` and `--config.method.interval=-5`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_pcl


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_pcl("pcl_r3d", dataset, model__name="vcop_r3d", method__name="pcl")
