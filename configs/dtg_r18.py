"""DTG-Net without labels on a 3D ResNet-18: frozen teachers guide it by contrast.

Name the teachers, networks of whatever classes, with
`--config.teachers.runs="('runs/one', 'runs/other')"`. The paper's ways to weigh them are
`--config.method.weights=offline` (with `method.accuracies`), `online1` and `online2`; see
`--config.method.shares=division` for all three.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_dtg


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_dtg("dtg_r18", dataset, model__name="ty_r3d_18", method__name="dtg")
