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


def attention_transfer(student: jax.Array, teacher: jax.Array) -> jax.Array:
    r"""Distance between the attention maps of two blocks.

    .. math::
        \ell = \frac{1}{n} \left\| \frac{Q_S}{\|Q_S\|_2} - \frac{Q_T}{\|Q_T\|_2} \right\|_2^2,
        \qquad Q = \mathrm{vec} \left( \tfrac{1}{c} \sum_c A_c^2 \right)

    The published code averages over the n positions of a map, as here; the paper has the norm
    instead. Maps of different sizes are resized to the smaller size. The teacher gets no gradient.

    Args:
        student: output of a block, `[b, t, h, w, c]`, any float dtype.
        teacher: `[b, t', h', w', c']`.

    Returns:
        The loss of each example, float32 `[b]`.

    References:
        Zagoruyko & Komodakis, `Paying More Attention to Attention
        <https://arxiv.org/abs/1612.03928>`_, 2017, eq. 2.

    >>> one, other = jnp.zeros((2, 1, 1, 1, 2, 1)).at[0, ..., 0, :].set(3).at[1, ..., 1, :].set(1)
    >>> attention_transfer(one, other)
    Array([1.], dtype=float32)
    """
    maps = align(_energy(student), _energy(jax.lax.stop_gradient(teacher)))
    ours, theirs = (_normalised(attention) for attention in maps)
    return jnp.mean(jnp.square(ours - theirs), axis=1)


def _energy(features: jax.Array) -> jax.Array:
    """Returns the mean over channels of the squares of `[b, t, h, w, c]`, as `[b, t, h, w, 1]`."""
    return jnp.mean(jnp.square(features.astype(jnp.float32)), axis=-1, keepdims=True)


def _normalised(energy: jax.Array) -> jax.Array:
    """Returns attention maps `[b, t, h, w, 1]` as vectors of length 1, `[b, t * h * w]`."""
    energy = energy.reshape(energy.shape[0], -1)
    # A map of zeros (dead channels) stays zero, with a zero gradient.
    return energy * jax.lax.rsqrt(jnp.sum(jnp.square(energy), axis=1, keepdims=True) + 1e-12)


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

    So networks with different strides, frame counts or input sizes can be compared. The resizing is
    linear interpolation with anti-aliasing; for integer ratios it is an average.

    Args:
        student: `[b, t, h, w, c]`.
        teacher: `[b, t', h', w', c']`.

    Returns:
        Both outputs, with equal sizes along t, h and w.
    """
    chex.assert_rank([student, teacher], 5)
    chex.assert_equal_shape_prefix([student, teacher], 1)

    def resized(features: jax.Array) -> jax.Array:
        smaller = map(min, student.shape[1:4], teacher.shape[1:4])
        shape = (features.shape[0], *smaller, features.shape[4])
        if shape == features.shape:
            return features
        return jax.image.resize(features, shape, "linear")

    return resized(student), resized(teacher)


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
    return distances / jnp.where(mean > 0, mean, 1.0)


def _cosines(features: jax.Array) -> jax.Array:
    """Returns the cosines of the angles at j between i and k, `[j, i, k]`; 0 if points coincide."""
    chex.assert_rank(features, 2)
    difference = features[None].astype(jnp.float32) - features[:, None]  # [j, i]
    norm = _norm(difference)[..., None]
    unit = jnp.where(norm > 0, difference / jnp.where(norm > 0, norm, 1.0), 0.0)
    return jnp.einsum("jid,jkd->jik", unit, unit)


def _norm(difference: jax.Array) -> jax.Array:
    """Returns the norm over the last axis, with gradient 0 (not NaN) at 0."""
    square = jnp.sum(jnp.square(difference), axis=-1)
    is_zero = square == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
