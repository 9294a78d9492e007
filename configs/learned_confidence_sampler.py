"""A classifier that learns without a teacher where it is right itself (ConDi, ST-Conf).

It may ask for hints, at a price (DeVries and Taylor 2018). Its confidence can choose clips for any
network.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "learned_confidence_sampler",
        dataset,
        drop_confidence=False,
        method__name="learned_confidence",
    )
