"""A 3D ResNet-18 on RGB, taught by a network that sees optical flow: MARS (TY, Table 5).

The teacher is a finished run of a supervised config with `--config.data.modality=flow`; name its
workdir in teachers.runs. This config compares features. To compare logits, use distillation_r18
with the same teacher.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build(
        "flow_to_rgb_r18",
        dataset,
        model__name="ty_r3d_18",
        method__name="feature_matching",
        data__modality="rgb_flow",
    )
