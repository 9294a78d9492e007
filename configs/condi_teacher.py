"""The teacher of ConDi's samplers: a 3D ResNeXt-101, or a wider 3D ResNet-18 for processors.

The thesis has the one of Hara et al. (2018), which can also be had with `python -m
vidkd_jax.convert`. Here it is trained by the thesis' rates (section 4.3.1), from nothing on
Kinetics and from there on smaller sets; Hara et al. have 0.1 with a dampening of 0.9, which steps
as 0.01 does without, and drops by the validation loss. Small recipes have twice their usual width:
the less a sampler costs beside its teacher, the more can be saved.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py. Train it
on other videos than the samplers', or it is always right there, and they learn nothing.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_teacher
from vidkd_jax.settings.recipes import SMALL_SETS


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    small = {"model__name": "ty_r3d_18", "model__width": 0.25}
    model = small if dataset in SMALL_SETS else {"model__name": "hara_resnext_101"}
    return build_clip_teacher("condi_teacher", dataset, **model)
