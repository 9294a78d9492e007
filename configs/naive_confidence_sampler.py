"""A clip sampler with ConDi's naive loss (eq. 4.2): labels, soft targets and confidence added up.

Name the teacher with `--config.teachers.runs="('runs/supervised_r18',)"`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "naive_confidence_sampler",
        dataset,
        drop_confidence=True,
        method__name="naive_confidence",
    )
