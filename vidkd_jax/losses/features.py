"""Losses between the features of a student and a teacher."""

import chex
import jax
import jax.numpy as jnp


def mean_squared_error(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Mean squared difference between the features of two networks.

    .. math::
        \ell = \frac{1}{d} \sum_i (s_i - t_i)^2

    On pooled features, this is the loss term of MARS, which has the weight 50. On the features of a
    block, mapped to the teacher's channels by a 1x1x1 convolution, it is the hint loss of FitNets.
    The teacher gets no gradient.

    Args:
        student: features `[b, ...]`, any float dtype.
        teacher: the same shape.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        Crasto et al., MARS, CVPR 2019, eq. 2; Romero et al., `FitNets
        <https://arxiv.org/abs/1412.6550>`_, 2015, eq. 3.

    >>> mean_squared_error(jnp.array([[1.0, 3.0]]), jnp.array([[1.0, 1.0]]))
    Array([2.], dtype=float32)
    """
    student, teacher = _checked(student, teacher)
    return jnp.mean(jnp.square(student - teacher), axis=tuple(range(1, student.ndim)))


def mean_absolute_error(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Mean absolute difference between the features of two networks.

    .. math::
        \ell = \frac{1}{d} \sum_i |s_i - t_i|

    The teacher gets no gradient.

    Args:
        student: features `[b, ...]`, any float dtype.
        teacher: the same shape.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        Girdhar et al., `DistInit <https://arxiv.org/abs/1901.09244>`_, ICCV 2019.

    >>> mean_absolute_error(jnp.array([[1.0, 3.0]]), jnp.array([[2.0, 1.0]]))
    Array([1.5], dtype=float32)
    """
    student, teacher = _checked(student, teacher)
    return jnp.mean(jnp.abs(student - teacher), axis=tuple(range(1, student.ndim)))


def attention_transfer(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Distance between the attention maps of two blocks.

    .. math::
        \ell = \frac{1}{n} \left\| \frac{Q_S}{\|Q_S\|_2} - \frac{Q_T}{\|Q_T\|_2} \right\|_2^2,
        \qquad Q = \mathrm{vec} \left( \tfrac{1}{c} \sum_c A_c^2 \right)

    The published code averages over the n positions of a map, as here; the paper has the norm
    instead. Blocks of different sizes are averaged to the smaller size before they are squared, as
    in RepDistiller. The teacher gets no gradient.

    Args:
        student: output of a block, `[b, t, h, w, c]`, any float dtype.
        teacher: `[b, t', h', w', c']`.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        Zagoruyko & Komodakis, `Paying More Attention to Attention
        <https://arxiv.org/abs/1612.03928>`_, 2017, eq. 2; Tian et al., `Contrastive Representation
        Distillation <https://arxiv.org/abs/1910.10699>`_, 2020, whose code is RepDistiller.

    >>> one, other = jnp.zeros((2, 1, 1, 1, 2, 1)).at[0, ..., 0, :].set(3).at[1, ..., 1, :].set(1)
    >>> attention_transfer(one, other)
    Array([1.], dtype=float32)
    """
    ours, theirs = map(_attention, align(student.astype(jnp.float32), _frozen(teacher)))
    return jnp.mean(jnp.square(ours - theirs), axis=1)


def _attention(features: jax.Array) -> jax.Array:
    """Returns the attention maps of `[b, t, h, w, c]` as vectors of length 1, `[b, t * h * w]`."""
    energy = jnp.mean(jnp.square(features), axis=-1).reshape(features.shape[0], -1)
    # PyTorch's `normalize` divides by at least 1e-12. A map of zeros (dead channels) stays zero,
    # with a zero gradient.
    square = jnp.sum(jnp.square(energy), axis=1, keepdims=True)
    return energy * jax.lax.rsqrt(jnp.maximum(square, 1e-24))


def relational_distance(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Distance-wise relational loss: relative distances of examples should be the teacher's.

    .. math::
        \ell_i = \frac{1}{b} \sum_j h \left( \frac{\|s_i - s_j\|}{\mu_S}
            - \frac{\|t_i - t_j\|}{\mu_T} \right)

    where h is the Huber loss and :math:`\mu` is the mean distance of the pairs in the batch (the
    global batch, over all devices). The teacher gets no gradient.

    Args:
        student: features `[b, d]`, any float dtype.
        teacher: features `[b, d']`.

    Returns:
        The loss of each example, float32 `[b]`. The mean over the examples is the paper's loss.

    References:
        Park et al., `Relational Knowledge Distillation <https://arxiv.org/abs/1904.05068>`_,
        CVPR 2019, eq. 5-7.

    >>> features = jnp.array([[0.0], [1.0], [5.0]])
    >>> relational_distance(features, 7 * features + 3).round(5)
    Array([0., 0., 0.], dtype=float32)
    """
    chex.assert_equal_shape_prefix([student, teacher], 1)
    return jnp.mean(_huber(_distances(student) - _distances(_frozen(teacher))), axis=1)


def relational_angle(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Angle-wise relational loss: the angles in triples of examples should be the teacher's.

    .. math::
        \ell_j = \frac{1}{b^2} \sum_{i, k} h ( \cos \angle s_i s_j s_k - \cos \angle t_i t_j t_k )

    where h is the Huber loss. The teacher gets no gradient.

    Args:
        student: features `[b, d]`, any float dtype.
        teacher: features `[b, d']`.

    Returns:
        The loss of each example j, which is the vertex of its angles, float32 `[b]`.

    References:
        Park et al., `Relational Knowledge Distillation <https://arxiv.org/abs/1904.05068>`_,
        CVPR 2019, eq. 8-9.

    >>> corner = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> relational_angle(corner, 5 * corner[:, ::-1]).round(5)
    Array([0., 0., 0.], dtype=float32)
    """
    chex.assert_equal_shape_prefix([student, teacher], 1)
    return jnp.mean(_huber(_cosines(student) - _cosines(_frozen(teacher))), axis=(1, 2))


def align(student: jax.Array, teacher: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Resizes the outputs of two blocks to the smaller of their sizes in time, height and width.

    So networks with different strides, frame counts or input sizes can be compared. Each position
    of the smaller size is the mean of the positions that it covers, as in PyTorch's
    `adaptive_avg_pool3d`.

    Args:
        student: `[b, t, h, w, c]`.
        teacher: `[b, t', h', w', c']`.

    Returns:
        Both outputs, with equal sizes along t, h and w.
    """
    chex.assert_rank([student, teacher], 5)
    chex.assert_equal_shape_prefix([student, teacher], 1)

    def resized(features: jax.Array) -> jax.Array:
        for axis in (1, 2, 3):
            size = min(student.shape[axis], teacher.shape[axis])
            if features.shape[axis] != size:
                features = _averaged(features, axis, size)
        return features

    return resized(student), resized(teacher)


def _averaged(features: jax.Array, axis: int, size: int) -> jax.Array:
    """Returns means along an axis: the i-th of the positions from i/size to (i + 1)/size of it.

    Where a boundary lies within a position, this position counts for both sides.
    """
    length = features.shape[axis]
    edges = ((i * length // size, -(-(i + 1) * length // size)) for i in range(size))
    means = [
        jnp.mean(jax.lax.slice_in_dim(features, begin, end, axis=axis), axis=axis)
        for begin, end in edges
    ]
    return jnp.stack(means, axis=axis)


def _checked(student: jax.Array, teacher: jax.Array) -> tuple[jax.Array, jax.Array]:
    chex.assert_equal_shape([student, teacher])
    chex.assert_type([student, teacher], float)
    return student.astype(jnp.float32), _frozen(teacher)


def _frozen(teacher: jax.Array) -> jax.Array:
    return jax.lax.stop_gradient(teacher).astype(jnp.float32)


def _huber(difference: jax.Array) -> jax.Array:
    """Returns the Huber loss, which is linear from 1 on, as in the paper."""
    size = jnp.abs(difference)
    return jnp.where(size <= 1, 0.5 * jnp.square(size), size - 0.5)


def _distances(features: jax.Array) -> jax.Array:
    """Returns the distances of all pairs divided by their mean, `[b, b]`."""
    chex.assert_rank(features, 2)
    difference = features[:, None].astype(jnp.float32) - features[None]
    distances = _norm(difference)
    count = distances.size - len(distances)  # a point does not form a pair with itself
    mean = jnp.sum(distances) / max(count, 1)
    return distances / jnp.where(mean == 0, 1.0, mean)


def _cosines(features: jax.Array) -> jax.Array:
    """Returns the cosines of the angles at j between i and k, `[j, i, k]`; 0 if points coincide."""
    chex.assert_rank(features, 2)
    difference = features[None].astype(jnp.float32) - features[:, None]  # [j, i]
    norm = _norm(difference)[..., None]
    same = norm == 0  # and not NaN, which must be seen
    unit = jnp.where(same, 0.0, difference / jnp.where(same, 1.0, norm))
    return jnp.einsum("jid,jkd->jik", unit, unit)


def _norm(difference: jax.Array) -> jax.Array:
    """Returns the norm over the last axis, with gradient 0 (not NaN) at 0."""
    square = jnp.sum(jnp.square(difference), axis=-1)
    is_zero = square == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
