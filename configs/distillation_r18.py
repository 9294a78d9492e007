"""A 3D ResNet-18 taught by the averaged soft targets of trained teachers (TY, Table 5).

Teachers are finished runs or folders of converted weights. Name them with
`--config.teachers.runs="('runs/supervised_r34', 'runs/supervised_r50')"`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build(
        "distillation_r18",
        dataset,
        model__name="ty_r3d_18",
        method__name="distillation",
    )
