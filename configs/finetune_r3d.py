"""R3D of PCL+KD on labelled actions, from a self-supervised network or from random weights.

Name the network with `--config.model.init_from=runs/pcl_r3d`. Without one it starts from
random weights.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_pcl


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_pcl(
        "finetune_r3d", dataset, fine_tuned=True, model__name="vcop_r3d", method__name="supervised"
    )
