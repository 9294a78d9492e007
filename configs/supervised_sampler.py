"""A small classifier that learns from the labels alone (ConDi, ST-Ent, section 3.1.1).

The entropy of its predictions can choose clips for a teacher that it has never met.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "supervised_sampler",
        dataset,
        drop_confidence=False,
        method__name="supervised",
    )
