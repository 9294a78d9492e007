"""Losses against a teacher's outputs."""

import chex
import jax
import jax.numpy as jnp

from vidkd_jax.losses.classification import nan_unless_valid


def soft_targets(logits: jax.Array, temperature: float) -> jax.Array:
    r"""Class probabilities softened by a temperature.

    .. math::
        \tilde p_k = \frac{\exp(z_k / \tau)}{\sum_j \exp(z_j / \tau)}

    Args:
        logits: scores before the softmax, `[..., k]`, any float dtype.
        temperature: :math:`\tau` > 0. Above 1 it flattens the probabilities, below 1 it sharpens
            them.

    Returns:
        Probabilities that sum to 1 over the classes, float32 `[..., k]`.

    References:
        Hinton et al., `Distilling the Knowledge in a Neural Network
        <https://arxiv.org/abs/1503.02531>`_, 2015; TY, eq. 2.

    >>> print([f"{p:.3f}" for p in soft_targets(jnp.array([4.0, 0.0]), temperature=2.0)])
    ['0.881', '0.119']
    """
    return jax.nn.softmax(_tempered(logits, temperature))


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

    This is TY, eq. 3, for one example. The teacher gets no gradient. The paper sums over the
    examples, and its code averages; here the caller chooses.

    Args:
        student_logits: `[b, k]`, any float dtype.
        teacher_logits: `[b, k]`, any float dtype.
        temperature: :math:`\tau` > 0, for both networks.
        scale_by_temperature_squared: multiplies by :math:`\tau^2`, which keeps the size of the
            gradient when the temperature changes (Hinton et al., section 2). TY does not do this.

    Returns:
        The loss of each example, float32 `[b]`; 0 if both networks agree. A class that the teacher
        masks by -inf does not count.

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
    log_student = jax.nn.log_softmax(_tempered(student_logits, temperature))
    log_teacher = jax.nn.log_softmax(_tempered(teacher_logits, temperature))
    loss = _kl(log_teacher, log_student)
    return loss * jnp.where(scale_by_temperature_squared, temperature**2, 1.0)


def _tempered(logits: jax.Array, temperature: float) -> jax.Array:
    """Returns logits divided by a temperature, float32; one of each example would be misread."""
    chex.assert_rank(temperature, 0)
    return logits.astype(jnp.float32) / temperature


def _kl(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """Returns KL(p || q) of log-probabilities `[b, k]`, with 0 log 0 = 0: p may mask classes."""
    difference = jnp.where(log_p > -jnp.inf, log_p - log_q, 0.0)
    return jnp.sum(jnp.exp(log_p) * difference, axis=-1)


def kl_from_targets(
    student_logits: jax.Array,
    targets: jax.Array,
    *,
    temperature: float,
    scale_by_temperature_squared: bool = False,
    target_gradient: bool = False,
) -> jax.Array:
    r"""Kullback-Leibler divergence of the student's soft targets from given soft targets.

    .. math::
        \ell = \sum_k q_k (\log q_k - \log \tilde p^S_k), \qquad
        \tilde p^S = \mathrm{softmax}(z / \tau)

    Use it for targets that are a mixture, such as the mean of the soft targets of several teachers
    (TY, Table 5, "Multi-Teachers").

    Args:
        student_logits: `[b, k]`, any float dtype.
        targets: probabilities `[b, k]`, already softened.
        temperature: :math:`\tau` > 0, for the student.
        scale_by_temperature_squared: multiplies by :math:`\tau^2`, as in `kl_divergence`.
        target_gradient: whether the targets get a gradient, for targets that the student itself has
            a part in (ConDi, eq. 3.5).

    Returns:
        The loss of each example, float32 `[b]`; 0 if the student agrees with the targets.

    >>> kl_from_targets(jnp.zeros((1, 2)), jnp.array([[1.0, 0.0]]), temperature=3.0).round(3)
    Array([0.693], dtype=float32)
    """
    chex.assert_rank([student_logits, targets], 2)
    chex.assert_equal_shape([student_logits, targets])
    chex.assert_type([student_logits, targets], float)
    targets = jnp.where(target_gradient, targets, jax.lax.stop_gradient(targets))
    targets = targets.astype(jnp.float32)
    log_student = jax.nn.log_softmax(_tempered(student_logits, temperature))
    # 0 log 0 = 0, also where both mask a class.
    log_targets = jnp.log(jnp.where(targets > 0, targets, 1.0))
    log_student = jnp.where((targets == 0) & (log_student == -jnp.inf), 0.0, log_student)
    loss = jnp.sum(targets * (log_targets - log_student), axis=-1)
    return loss * jnp.where(scale_by_temperature_squared, temperature**2, 1.0)


def decoupled_kl(
    student_logits: jax.Array,
    teacher_logits: jax.Array,
    labels: jax.Array,
    *,
    temperature: float,
    target_weight: float = 1.0,
    other_weight: float = 8.0,
) -> jax.Array:
    r"""Decoupled knowledge distillation: label against other classes, plus the other classes.

    .. math::
        \ell = \tau^2 (\alpha \, \mathrm{KL}(b^T \| b^S)
            + \beta \, \mathrm{KL}(\hat p^T \| \hat p^S))

    where b is the pair of the probability of the label and that of all other classes together, and
    :math:`\hat p` is the softmax over the other classes only. With :math:`\beta = 1 - p^T_y` and
    :math:`\alpha = 1`, the loss is the plain KL divergence times :math:`\tau^2`. The teacher gets
    no gradient.

    Args:
        student_logits: `[b, k]`, any float dtype.
        teacher_logits: `[b, k]`, any float dtype.
        labels: class numbers in 0..k-1, integer `[b]`. Any other number gives NaN.
        temperature: :math:`\tau` > 0, for both networks; 4 in the paper.
        target_weight: :math:`\alpha`; 1 in the paper.
        other_weight: :math:`\beta`; 8 in most of the paper's settings.

    Returns:
        The loss of each example, float32 `[b]`; 0 if both networks agree.

    References:
        Zhao et al., `Decoupled Knowledge Distillation <https://arxiv.org/abs/2203.08679>`_,
        CVPR 2022, eq. 7.

    >>> student, teacher = jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[9.0, 0.0, 0.0]])
    >>> decoupled_kl(student, teacher, jnp.array([0]), temperature=1.0, target_weight=0.0)
    Array([0.], dtype=float32)
    """
    chex.assert_rank([student_logits, teacher_logits, labels], [2, 2, 1])
    chex.assert_equal_shape([student_logits, teacher_logits])
    chex.assert_equal_shape_prefix([student_logits, labels], 1)
    chex.assert_type([student_logits, teacher_logits, labels], [float, float, int])
    # The number of classes need not fit the labels' type.
    is_target = jax.nn.one_hot(labels.astype(jnp.int32), student_logits.shape[-1], dtype=bool)
    student = _tempered(student_logits, temperature)
    teacher = _tempered(jax.lax.stop_gradient(teacher_logits), temperature)
    pairs = [_target_and_rest(logits, is_target) for logits in (student, teacher)]
    target = _kl(pairs[1], pairs[0])
    rest_student, rest_teacher = (
        jax.nn.log_softmax(jnp.where(is_target, -jnp.inf, logits)) for logits in (student, teacher)
    )
    several = student_logits.shape[-1] > 1  # one class has no others
    rest = _kl(rest_teacher, rest_student) if several else jnp.zeros_like(target)
    loss = temperature**2 * (target_weight * target + other_weight * rest)
    return nan_unless_valid(loss, labels, num_classes=student_logits.shape[-1])


def _target_and_rest(logits: jax.Array, is_target: jax.Array) -> jax.Array:
    """Returns the log-probabilities of the label and of all other classes together, `[b, 2]`."""
    target = jnp.sum(jnp.where(is_target, logits, 0.0), axis=-1)
    rest = jax.nn.logsumexp(jnp.where(is_target, -jnp.inf, logits), axis=-1)
    return jax.nn.log_softmax(jnp.stack([target, rest], axis=-1))
