"""Losses: pure functions of arrays that know no model, method or loop.

Each returns one float32 value per example, so that the caller can mask padding and weight terms;
each casts to float32 first, whatever the compute dtype of the network.
"""

from vidkd_jax.losses.classification import cross_entropy
from vidkd_jax.losses.distillation import kl_divergence, soft_targets

__all__ = ["cross_entropy", "kl_divergence", "soft_targets"]
