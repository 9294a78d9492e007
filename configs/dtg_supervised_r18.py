"""DTG-Net with labels on a 3D ResNet-18: contrast with frozen teachers beside the cross-entropy.

Name the teachers with `--config.teachers.runs="('runs/one', 'runs/other')"`, and the network of
configs/dtg_r18.py that it starts from with `--config.model.init_from=runs/dtg_r18`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_dtg


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_dtg(
        "dtg_supervised_r18",
        dataset,
        supervised=True,
        model__name="ty_r3d_18",
        method__name="dtg_supervised",
    )
