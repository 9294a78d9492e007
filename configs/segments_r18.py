"""A 3D ResNet-18 that learns from labels on sparse clips, one frame of each part of the video.

What DTG-Net's networks are compared with, and how they are fine-tuned: start from one with
`--config.model.init_from=runs/dtg_r18`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_dtg


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_dtg(
        "segments_r18",
        dataset,
        supervised=True,
        model__name="ty_r3d_18",
        method__name="supervised",
        data__sampler="segments",
        eval__keep_features=True,
    )
