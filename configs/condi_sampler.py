"""A clip sampler that learns by Confidence Distillation on which clips its teacher is right.

ConDi-SR of the thesis: a 3D ShuffleNetV2 for the papers' data sets, a narrow 3D ResNet-10 for
processors. Name the teacher with `--config.teachers.runs="('runs/supervised_r18',)"`. It learns
nothing of a teacher that is always right on the training videos: use one that has been trained on
others. The grids of section 4.3.1 are `--config.method.temperature` (0.9, 1, 2),
`--config.method.confidence_weight` (0.5, 1.5, 2) and `--config.method.positive_weight` (1, 1.5, 2).
`--config.method.wrong_teacher=uniform` is the other reading of eq. 3.5.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.paper_recipes import build_clip_sampler


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build_clip_sampler(
        "condi_sampler",
        dataset,
        drop_confidence=True,
        method__name="confidence_distillation",
    )
