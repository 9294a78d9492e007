"""Losses: pure functions of arrays, independent of models, methods and the training loop.

Every loss returns one float32 value per example, so that the caller can mask padding and weight
terms. Every loss casts its inputs to float32 first, whatever the compute dtype of the network. The
relational losses and `two_clip_contrast` compare the examples of a batch with each other, so remove
padding before calling them. `soft_targets`, `confident_targets`, `info_nce` and `align` are the
parts that losses are made of. All options but names (`wrong_teacher`) may be traced values, so
every loss can be compiled as it is.

Arrays of a wrong rank or of shapes that do not fit, and labels that are not integers, raise
AssertionError (from chex), also while a function is traced. Values are not checked: a label that is
no class number gives NaN. Cross-entropies and divergences are in nats.
"""

from vidkd_jax.losses.classification import cross_entropy
from vidkd_jax.losses.confidence import (
    WRONG_TEACHER,
    binary_cross_entropy,
    confidence_distillation,
    confident_targets,
    hinted_cross_entropy,
    teacher_is_right,
)
from vidkd_jax.losses.contrast import info_nce, two_clip_contrast
from vidkd_jax.losses.distillation import (
    decoupled_kl,
    kl_divergence,
    kl_from_targets,
    soft_targets,
)
from vidkd_jax.losses.features import (
    align,
    attention_transfer,
    mean_absolute_error,
    mean_squared_error,
    relational_angle,
    relational_distance,
)

__all__ = [
    "WRONG_TEACHER",
    "align",
    "attention_transfer",
    "binary_cross_entropy",
    "confidence_distillation",
    "confident_targets",
    "cross_entropy",
    "decoupled_kl",
    "hinted_cross_entropy",
    "info_nce",
    "kl_divergence",
    "kl_from_targets",
    "mean_absolute_error",
    "mean_squared_error",
    "relational_angle",
    "relational_distance",
    "soft_targets",
    "teacher_is_right",
    "two_clip_contrast",
]
