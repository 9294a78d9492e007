"""R3D of PCL+KD, taught by R(2+1)D: pretext task, contrast, and the teacher's answers.

Name the teacher, a finished run of configs/pcl_r21d.py, with
`--config.teachers.runs="('runs/pcl_r21d',)"`. The 2024 paper's values; `:ucf101_2022` has
the 100 epochs of its predecessor.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_pcl


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_pcl(
        "pclkd_r3d_r21d", dataset, model__name="vcop_r3d", method__name="pcl_distillation"
    )
