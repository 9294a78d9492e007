"""Losses against the labels."""

import chex
import jax
import jax.numpy as jnp


def cross_entropy(
    logits: jax.Array, labels: jax.Array, *, label_smoothing: float = 0.0
) -> jax.Array:
    r"""Cross-entropy between the labels and the softmax of the logits.

    .. math::
        \ell = -\sum_k q_k \log p_k, \qquad
        q_k = (1 - \epsilon) \, [k = y] + \epsilon / K

    Without smoothing (:math:`\epsilon = 0`), this is TY, eq. 4, for one example.

    Args:
        logits: scores before the softmax, `[b, k]`, any float dtype; or `[b, n, k]` of n clips.
        labels: class numbers in 0..k-1, integer `[b]`, or `[b, n]`. Any other number gives NaN,
            which stops a run; clipping the number would train on a wrong class.
        label_smoothing: :math:`\epsilon`, the part of the target that is spread evenly over all
            classes.

    Returns:
        The loss of each example, float32, of the shape of the labels.

    References:
        Szegedy et al., `Rethinking the Inception Architecture
        <https://arxiv.org/abs/1512.00567>`_, 2016 (label smoothing).

    >>> cross_entropy(jnp.array([[2.0, 0.0]]), jnp.array([0])).round(3)
    Array([0.127], dtype=float32)
    """
    chex.assert_rank(logits, {2, 3})
    chex.assert_shape(labels, logits.shape[:-1])
    chex.assert_type([logits, labels], [float, int])
    log_probabilities = jax.nn.log_softmax(logits.astype(jnp.float32))
    target = jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]
    # Without smoothing, do not multiply 0 by the mean: it is infinite if a class is masked by -inf.
    uniform = jnp.where(label_smoothing > 0, label_smoothing * log_probabilities.mean(axis=-1), 0.0)
    return nan_unless_valid(
        -((1.0 - label_smoothing) * target + uniform), labels, num_classes=logits.shape[-1]
    )


def nan_unless_valid(loss: jax.Array, labels: jax.Array, *, num_classes: int) -> jax.Array:
    """Returns the loss, of the shape of the labels, with NaN where a label is no class number."""
    labels = labels.astype(jnp.int32)  # the number of classes need not fit a smaller type
    return jnp.where((labels >= 0) & (labels < num_classes), loss, jnp.nan)
