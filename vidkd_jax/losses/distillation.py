"""Losses against a teacher's outputs."""

import chex
import jax
import jax.numpy as jnp


def soft_targets(logits: jax.Array, temperature: float) -> jax.Array:
    r"""Class probabilities softened by a temperature.

    .. math::
        \tilde p_k = \frac{\exp(z_k / \tau)}{\sum_j \exp(z_j / \tau)}

    Args:
        logits: scores before the softmax, `[..., k]`, any float dtype.
        temperature: :math:`\tau` > 0; above 1 it flattens, towards 0 it sharpens.

    Returns:
        Probabilities that sum to 1 over the classes, float32 `[..., k]`.

    References:
        Hinton et al., `Distilling the Knowledge in a Neural Network
        <https://arxiv.org/abs/1503.02531>`_, 2015; TY, eq. 2.

    >>> print([f"{p:.3f}" for p in soft_targets(jnp.array([4.0, 0.0]), temperature=2.0)])
    ['0.881', '0.119']
    """
    return jax.nn.softmax(logits.astype(jnp.float32) / temperature)


def kl_divergence(
    student_logits: jax.Array,
    teacher_logits: jax.Array,
    *,
    temperature: float,
    scale_by_temperature_squared: bool = False,
) -> jax.Array:
    r"""Kullback-Leibler divergence of the student's soft targets from the teacher's.

    .. math::
        \ell = \sum_k \tilde p^T_k \log \frac{\tilde p^T_k}{\tilde p^S_k}, \qquad
        \tilde p = \mathrm{softmax}(z / \tau)

    which is TY, eq. 3, for one example. The teacher gets no gradient. The paper's sum over the
    examples is a mean in its code; either is the caller's.

    Args:
        student_logits: `[b, k]`, any float dtype.
        teacher_logits: `[b, k]`, any float dtype.
        temperature: :math:`\tau` > 0, for both networks.
        scale_by_temperature_squared: multiplies by :math:`\tau^2`, which keeps the gradient's size
            when the temperature changes (Hinton et al., section 2). TY does without.

    Returns:
        The loss of each example, float32 `[b]`, 0 where both agree.

    References:
        Hinton et al., `Distilling the Knowledge in a Neural Network
        <https://arxiv.org/abs/1503.02531>`_, 2015; TY, eq. 3.

    >>> student, teacher = jnp.array([[0.0, 0.0]]), jnp.array([[4.0, 0.0]])
    >>> kl_divergence(student, teacher, temperature=2.0).round(3)
    Array([0.328], dtype=float32)
    """
    chex.assert_rank([student_logits, teacher_logits], 2)
    chex.assert_equal_shape([student_logits, teacher_logits])
    chex.assert_type([student_logits, teacher_logits], float)
    teacher_logits = jax.lax.stop_gradient(teacher_logits)
    log_student = jax.nn.log_softmax(student_logits.astype(jnp.float32) / temperature)
    log_teacher = jax.nn.log_softmax(teacher_logits.astype(jnp.float32) / temperature)
    loss = jnp.sum(jnp.exp(log_teacher) * (log_teacher - log_student), axis=-1)
    return loss * temperature**2 if scale_by_temperature_squared else loss
