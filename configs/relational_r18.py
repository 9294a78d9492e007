"""A 3D ResNet-18 taught the relations of its teacher's features (Park et al. 2019).

Name the teacher with `--config.teachers.runs="('runs/supervised_r50',)"`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build(
        "relational_r18",
        dataset,
        model__name="ty_r3d_18",
        method__name="relational",
    )
