"""Contrastive losses: of scores, and of the features of two clips of each video in a batch."""

import chex
import jax
import jax.numpy as jnp


def info_nce(
    positive: jax.Array,
    negatives: jax.Array,
    *,
    temperature: float,
    counted: jax.Array | None = None,
) -> jax.Array:
    r"""Cross-entropy of one right answer among many wrong ones.

    .. math::
        \ell = -\log \frac{\exp(s^+ / T)}{\exp(s^+ / T) + \sum_k \exp(s^-_k / T)}

    Args:
        positive: similarity to the right answer, `[b]`, any float dtype.
        negatives: similarities to wrong answers, `[b, k]`.
        temperature: :math:`T` > 0.
        counted: which of the negatives count, bool `[b, k]`; None: all.

    Returns:
        The loss of each example, float32 `[b]`; 0 where no negative counts.

    References:
        van den Oord et al., `Representation Learning with Contrastive Predictive Coding
        <https://arxiv.org/abs/1807.03748>`_, 2018, eq. 4; DTG-Net, eq. 2.

    >>> print(f"{info_nce(jnp.array([0.0]), jnp.array([[0.0, 0.0]]), temperature=1.0)[0]:.3f}")
    1.099
    """
    chex.assert_rank([positive, negatives], [1, 2])
    chex.assert_equal_shape_prefix([positive, negatives], 1)
    chex.assert_type([positive, negatives], float)
    right = positive.astype(jnp.float32)[:, None] / temperature
    wrong = negatives.astype(jnp.float32) / temperature
    if counted is not None:
        chex.assert_equal_shape([negatives, counted])
        wrong = jnp.where(counted, wrong, -jnp.inf)
    scores = jnp.concatenate([right, wrong], axis=1)
    return jax.nn.logsumexp(scores, axis=1) - right[:, 0]


def two_clip_contrast(
    first: jax.Array, second: jax.Array, videos: jax.Array, *, temperature: float
) -> jax.Array:
    r"""Contrast between two clips of each video and the clips of the other videos in the batch.

    .. math::
        \ell_i = \ell(z^1_i \cdot z^2_i, \{z^1_i \cdot z^1_j\}_{j \ne i})
               + \ell(z^1_i \cdot z^2_i, \{z^2_i \cdot z^2_j\}_{j \ne i})

    with :math:`\ell` of `info_nce`. This is PCL+KD 2024, eq. 2 to 4, with the exponential and the
    temperature that the paper leaves out and without which a negative dot product has no logarithm.
    Another row of the same video is no negative.

    Args:
        first: features of one clip of each video, of length 1, `[b, d]`, any float dtype.
        second: features of another clip of the same videos, `[b, d]`.
        videos: number of each row's video, integer `[b]`.
        temperature: :math:`T` > 0.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        Camarena et al., Knowledge Distillation in Video-Based Human Action Recognition, J. Imaging
        2024, eq. 2 to 4; Tao et al., `Pretext-Contrastive Learning
        <https://arxiv.org/abs/2010.15464>`_, 2020.

    >>> axes = jnp.eye(2)
    >>> print([f"{x:.3f}" for x in two_clip_contrast(axes, axes, jnp.arange(2), temperature=1.0)])
    ['0.627', '0.627']
    """
    chex.assert_rank([first, second, videos], [2, 2, 1])
    chex.assert_equal_shape([first, second])
    chex.assert_equal_shape_prefix([first, videos], 1)
    chex.assert_type([first, second, videos], [float, float, int])
    first, second = first.astype(jnp.float32), second.astype(jnp.float32)
    positive = jnp.sum(first * second, axis=1)
    others = videos[:, None] != videos
    losses = [
        info_nce(positive, each @ each.T, temperature=temperature, counted=others)
        for each in (first, second)
    ]
    return losses[0] + losses[1]
