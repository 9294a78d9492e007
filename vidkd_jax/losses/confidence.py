"""Losses of a student that learns when it, or its teacher, is to be trusted."""

import chex
import jax
import jax.numpy as jnp

from vidkd_jax.losses.classification import nan_unless_valid
from vidkd_jax.losses.distillation import kl_from_targets, soft_targets

# What the modified soft target is where the teacher is wrong: `confident_targets` says more.
WRONG_TEACHER = ("printed", "uniform")


def teacher_is_right(teacher_logits: jax.Array, labels: jax.Array) -> jax.Array:
    r"""The pseudo-label of confidence: whether the teacher's most probable class is the label.

    .. math::
        z = [\arg\max_k p^T_k = y]

    Args:
        teacher_logits: `[b, k]`, any float dtype. Of equal logits the first class counts. NaN
            gives NaN.
        labels: class numbers in 0..k-1, integer `[b]`. Any other number gives NaN.

    Returns:
        1 where the teacher is right and 0 where it is wrong, float32 `[b]`; without gradient.

    References:
        Confidence Distillation (ConDi), eq. 3.1.

    >>> teacher_is_right(jnp.array([[2.0, 0.0], [2.0, 0.0]]), jnp.array([0, 1]))
    Array([1., 0.], dtype=float32)
    """
    chex.assert_rank([teacher_logits, labels], [2, 1])
    chex.assert_equal_shape_prefix([teacher_logits, labels], 1)
    chex.assert_type([teacher_logits, labels], [float, int])
    right = (jnp.argmax(teacher_logits, axis=-1) == labels).astype(jnp.float32)
    right = jnp.where(jnp.isnan(teacher_logits).any(axis=-1), jnp.nan, right)
    return nan_unless_valid(right, labels, num_classes=teacher_logits.shape[-1])


def confident_targets(
    teacher_logits: jax.Array,
    confidence: jax.Array,
    right: jax.Array,
    *,
    temperature: float,
    wrong_teacher: str = "printed",
) -> jax.Array:
    r"""The teacher's soft target, flattened where the student does not trust the teacher.

    .. math::
        \hat p = s \, \tilde p^T + (1 - s) \, U, \qquad U_k = 1 / K

    The teacher's share s is :math:`\tilde z`, the student's confidence, where the teacher is right
    (z = 1). Where it is wrong (z = 0), the paper contradicts itself, and `wrong_teacher` chooses:

    - "printed": :math:`s = 1 - \tilde z`, as eq. 3.5 is printed. A student that knows that the
      teacher is wrong gets the wrong soft target in full.
    - "uniform": :math:`s = \tilde z`, as the text says twice (section 3.1.1: "when the
      :math:`\tilde z = 0`, we would want :math:`\tau \to \infty`"; section 4.5.1: "the lower the
      student's confidence, the higher :math:`\tau` will be if she is right"). A student that knows
      that the teacher is wrong gets the uniform target.

    The paper writes :math:`\mathcal U([0, 1]^C)` for U. A random vector would not be a target, so
    this is the distribution that has the same probability for every class.

    Args:
        teacher_logits: `[b, k]`, any float dtype. They get no gradient.
        confidence: :math:`\tilde z` in [0, 1], float `[b]`. It gets a gradient.
        right: z, 1 or 0, float `[b]`, as `teacher_is_right` returns it.
        temperature: :math:`\tau` > 0 of the teacher's soft target (eq. 3.4).
        wrong_teacher: "printed" or "uniform".

    Returns:
        Probabilities that sum to 1 over the classes, float32 `[b, k]`.

    Raises:
        ValueError: `wrong_teacher` is neither.

    References:
        Confidence Distillation (ConDi), eq. 3.5.

    >>> teacher, half = jnp.array([[0.0, 0.0, 99.0, 0.0]]), jnp.array([0.5])
    >>> confident_targets(teacher, half, jnp.ones(1), temperature=1.0)
    Array([[0.125, 0.125, 0.625, 0.125]], dtype=float32)
    """
    chex.assert_rank([teacher_logits, confidence, right], [2, 1, 1])
    chex.assert_equal_shape_prefix([teacher_logits, confidence, right], 1)
    if wrong_teacher not in WRONG_TEACHER:
        raise ValueError(f"wrong_teacher: '{wrong_teacher}'; use one of {', '.join(WRONG_TEACHER)}")
    share = confidence.astype(jnp.float32)
    if wrong_teacher == "printed":
        share = right * share + (1 - right) * (1 - share)
    teacher = soft_targets(jax.lax.stop_gradient(teacher_logits), temperature)
    return share[:, None] * teacher + (1 - share[:, None]) / teacher.shape[-1]


def confidence_distillation(
    student_logits: jax.Array,
    teacher_logits: jax.Array,
    confidence_logits: jax.Array,
    labels: jax.Array,
    *,
    temperature: float,
    wrong_teacher: str = "printed",
    target_gradient: bool = True,
    mean_over_classes: bool = True,
) -> jax.Array:
    r"""Divergence of the student's soft targets from `confident_targets`.

    .. math::
        \ell = \frac{\tau^2}{K} \sum_k \hat p_k \log \frac{\hat p_k}{\tilde p^S_k}

    Both terms of eq. 3.6, :math:`z L_{KD} + (1 - z) L_{KD}`, are of this one loss, so their sum is
    the loss itself.

    Args:
        student_logits: `[b, k]`, any float dtype.
        teacher_logits: `[b, k]`, any float dtype. They get no gradient.
        confidence_logits: `[b]`, any float dtype; their sigmoid is the confidence
            :math:`\tilde z`.
        labels: class numbers in 0..k-1, integer `[b]`. Any other number gives NaN.
        temperature: :math:`\tau` > 0, for both networks.
        wrong_teacher: "printed" or "uniform"; see `confident_targets`.
        target_gradient: whether the loss moves the confidence through the target.
        mean_over_classes: divides by the number of classes, as eq. 3.7 does. Without it, this is
            the divergence as others define it.

    Returns:
        The loss of each example, float32 `[b]`; 0 if the student agrees with the targets.

    Raises:
        ValueError: `wrong_teacher` is neither.

    References:
        Confidence Distillation (ConDi), eq. 3.5 to 3.8.

    >>> sure, label = jnp.array([99.0]), jnp.array([0])
    >>> student, teacher = jnp.array([[0.0, 0.0]]), jnp.array([[99.0, 0.0]])
    >>> confidence_distillation(student, teacher, sure, label, temperature=1.0).round(3)
    Array([0.347], dtype=float32)
    """
    chex.assert_rank(confidence_logits, 1)
    targets = confident_targets(
        teacher_logits,
        jax.nn.sigmoid(confidence_logits.astype(jnp.float32)),
        teacher_is_right(teacher_logits, labels),
        temperature=temperature,
        wrong_teacher=wrong_teacher,
    )
    loss = kl_from_targets(
        student_logits,
        targets,
        temperature=temperature,
        scale_by_temperature_squared=True,
        target_gradient=target_gradient,
    )
    return loss / jnp.where(mean_over_classes, student_logits.shape[-1], 1)


def binary_cross_entropy(
    logits: jax.Array, targets: jax.Array, *, positive_weight: float = 1.0
) -> jax.Array:
    r"""Binary cross-entropy of the sigmoid of logits, with a weight on the positive targets.

    .. math::
        \ell = -\mu \, z \log \sigma(s) - (1 - z) \log (1 - \sigma(s))

    The paper sets :math:`\mu` = 1.5 "to minimize the number of false positives". A weight above 1
    raises the confidence, and with it the false positives; to lower them, use one below 1.

    Args:
        logits: s, `[b]`, any float dtype.
        targets: z in [0, 1], float `[b]`.
        positive_weight: :math:`\mu` > 0, as PyTorch's `pos_weight`.

    Returns:
        The loss of each example, float32 `[b]`, finite for any finite logit.

    References:
        Confidence Distillation (ConDi), sections 3.1.1 and 4.3.1.

    >>> binary_cross_entropy(jnp.zeros(2), jnp.array([1.0, 0.0]), positive_weight=2.0).round(3)
    Array([1.386, 0.693], dtype=float32)
    """
    chex.assert_rank([logits, targets], 1)
    chex.assert_equal_shape([logits, targets])
    chex.assert_type([logits, targets], float)
    logits, targets = logits.astype(jnp.float32), targets.astype(jnp.float32)
    positive = positive_weight * targets * jax.nn.softplus(-logits)
    return positive + (1 - targets) * jax.nn.softplus(logits)


def hinted_cross_entropy(
    logits: jax.Array, confidence_logits: jax.Array, labels: jax.Array, hinted: jax.Array
) -> jax.Array:
    r"""Cross-entropy of a prediction that asks for as much of the label as it lacks confidence.

    .. math::
        \ell = -\log (c \, p_y + (1 - c)), \qquad c = \sigma(s)

    Where no hint is given, it is the cross-entropy. Computed by logarithms, so that nothing is
    clipped; the reference code clips p and c to [1e-12, 1 - 1e-12]. Its other term,
    :math:`-\log c`, is `binary_cross_entropy` with the target 1.

    Args:
        logits: `[b, k]`, any float dtype.
        confidence_logits: s, `[b]`, any float dtype.
        labels: class numbers in 0..k-1, integer `[b]`. Any other number gives NaN.
        hinted: which examples may have a hint, bool `[b]`.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        DeVries and Taylor, `Learning Confidence for Out-of-Distribution Detection in Neural
        Networks <https://arxiv.org/abs/1802.04865>`_, 2018, eq. 2 and 3.

    >>> arrays = jnp.zeros((2, 4)), jnp.zeros(2), jnp.array([0, 0]), jnp.array([True, False])
    >>> print([f"{loss:.3f}" for loss in hinted_cross_entropy(*arrays)])
    ['0.470', '1.386']
    """
    chex.assert_rank([logits, confidence_logits, labels, hinted], [2, 1, 1, 1])
    chex.assert_equal_shape_prefix([logits, confidence_logits, labels, hinted], 1)
    chex.assert_type([logits, confidence_logits, labels, hinted], [float, float, int, bool])
    log_probabilities = jax.nn.log_softmax(logits.astype(jnp.float32))
    label = jnp.take_along_axis(log_probabilities, labels[:, None], axis=-1)[:, 0]
    confidence = confidence_logits.astype(jnp.float32)
    asked = jnp.logaddexp(jax.nn.log_sigmoid(confidence) + label, jax.nn.log_sigmoid(-confidence))
    loss = -jnp.where(hinted, asked, label)
    return nan_unless_valid(loss, labels, num_classes=logits.shape[-1])
