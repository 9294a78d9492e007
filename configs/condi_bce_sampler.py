"""A clip sampler that learns nothing but on which clips its teacher is right (ConDi, BCE-C).

It has no classifier. In each batch, it learns from as many clips of the one kind as of the other;
larger batches skip fewer. Name the teacher with
`--config.teachers.runs="('runs/supervised_r18',)"`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "condi_bce_sampler",
        dataset,
        drop_confidence=False,
        method__name="confidence_only",
    )
