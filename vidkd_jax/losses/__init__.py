"""Losses: pure functions of arrays that know no model, method or loop.

Every loss returns one float32 value per example, so that the caller can mask padding and weight
terms, and casts to float32 first, whatever the compute dtype of the network. The relational ones
compare the examples of a batch with each other: leave padding out before. `soft_targets` and
`align` are what losses are made of. All options may be traced: every loss compiles as it is.
"""

from vidkd_jax.losses.classification import cross_entropy
from vidkd_jax.losses.distillation import (
    decoupled_kl,
    kl_divergence,
    kl_from_targets,
    soft_targets,
)
from vidkd_jax.losses.features import (
    align,
    attention_transfer,
    mean_squared_error,
    relational_angle,
    relational_distance,
)

__all__ = [
    "align",
    "attention_transfer",
    "cross_entropy",
    "decoupled_kl",
    "kl_divergence",
    "kl_from_targets",
    "mean_squared_error",
    "relational_angle",
    "relational_distance",
    "soft_targets",
]
