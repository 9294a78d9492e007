"""What teachers say by their features, and how much each of several counts.

The weights are those of DTG-Net, section 4.3.3.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

WEIGHTS, SHARES = ("fixed", "offline", "online1", "online2"), ("softmax", "division")


FEATURES = "features"


def blocks(output: str) -> tuple[str, ...]:
    """Returns the blocks that must be read for an output: none for the pooled features."""
    return () if output == FEATURES else (output,)


def pooled(outputs: Mapping[str, jax.Array], name: str) -> jax.Array:
    """Returns the mean of an output [b, ..., channels] over all positions, [b, channels]."""
    found = outputs[name]
    return jnp.mean(found, axis=tuple(range(1, found.ndim - 1)))


def shares_of(scores: jax.Array, how: str) -> jax.Array:
    """Returns weights that sum to 1 over the last axis, without gradient.

    Args:
      scores: more is better, [..., teachers].
      how: "softmax"; or "division" by their sum, for which a score below 0 counts as 0. Where all
        do, all teachers count alike.
    """
    scores = jax.lax.stop_gradient(scores)
    if how == "softmax":
        return jax.nn.softmax(scores, axis=-1)
    scores = jnp.maximum(scores, 0.0)
    total = jnp.sum(scores, axis=-1, keepdims=True)
    alike = jnp.full_like(scores, 1 / scores.shape[-1])
    return jnp.where(total > 0, scores / jnp.where(total > 0, total, 1.0), alike)


def rank_score(positive: jax.Array, negatives: jax.Array, counted: jax.Array) -> jax.Array:
    """Returns 1 where no negative is more similar than the positive, 0 where all are, float32 [b].

    Between the two it is the share of the negatives that are not more similar; without any it is 1.
    The weights "online2" go by it: DTG-Net says "the ranking" and gives no formula.

    Args:
      positive: similarity, [b].
      negatives: similarities, [b, k].
      counted: which of them count, bool [b, k].
    """
    above = jnp.sum((negatives > positive[:, None]) & counted, axis=1)
    return 1 - above / jnp.maximum(jnp.sum(counted, axis=1), 1)
