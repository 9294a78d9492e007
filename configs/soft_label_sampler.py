"""A classifier that learns from a teacher's soft targets alone (ConDi, ST-Ent, section 4.3).

The entropy of its predictions can choose clips for the teacher. The thesis gives no temperature
here; where it distils as Hinton et al. do (section 4.5.2), it has 5. Section 3.1.1 has one-hot
labels instead, which is `supervised_sampler`. Name the teacher with
`--config.teachers.runs="('runs/supervised_r18',)"`.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "soft_label_sampler",
        dataset,
        drop_confidence=False,
        method__name="distillation",
        method__label_weight=0.0,
        method__kd_weight=1.0,
        method__temperature=5.0,
        method__scale_by_temperature_squared=True,
    )
