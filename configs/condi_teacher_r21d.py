"""The second teacher of ConDi's samplers: an R(2+1)D-34, or a small R(2+1)D for processors.

The thesis has the one of Ghadiyaram et al. (2019), which has learnt from 65 million videos before
Kinetics-400, and can be had with `python -m vidkd_jax.convert`. Here it is trained as the first
teacher is.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py. Train it
on other videos than the samplers', or it is always right there, and they learn nothing.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_teacher
from vidkd_jax.settings.recipes import SMALL_SETS


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    small = {"model__name": "vcop_r21d", "model__width": 0.125}
    model = small if dataset in SMALL_SETS else {"model__name": "ig65m_r2plus1d_34"}
    return build_clip_teacher("condi_teacher_r21d", dataset, **model)
