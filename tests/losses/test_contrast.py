"""Contrastive losses: hand-computed values, NumPy, PyTorch, gradients, limits."""

import doctest

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from vidkd_jax import losses
from vidkd_jax.losses import contrast

RNG = np.random.default_rng(4)
VIDEOS = np.array([3, 7, 3, 1, 0])


def unit(shape):
    rows = RNG.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


FIRST, SECOND = unit((5, 4)), unit((5, 4))


def reference(first, second, videos, temperature):
    """PCL+KD 2024, eq. 2 to 4, with the exponential, in loops."""
    found = []
    for i in range(len(first)):
        near = np.exp(first[i] @ second[i] / temperature)
        total = 0.0
        for each in (first, second):
            others = [j for j in range(len(first)) if videos[j] != videos[i]]
            far = sum(np.exp(each[i] @ each[j] / temperature) for j in others)
            total -= np.log(near / (near + far))
        found.append(total)
    return np.array(found)


class ContrastTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_info_nce_hand_computed(self):
        function = self.variant(lambda p, n: losses.info_nce(p, n, temperature=0.5))
        # exp(2) against exp(0) + exp(-1).
        found = function(jnp.array([1.0]), jnp.array([[0.0, -0.5]]))
        expected = -np.log(np.e**2 / (np.e**2 + 1 + 1 / np.e))
        np.testing.assert_allclose(found, [expected], rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_what_does_not_count_changes_nothing(self):
        negatives, counted = jnp.array([[0.3, 9.0], [0.1, 0.2]]), jnp.array([[True, False]] * 2)
        function = self.variant(lambda p, n, c: losses.info_nce(p, n, temperature=0.1, counted=c))
        found = function(jnp.array([0.5, 0.2]), negatives, counted)
        alone = losses.info_nce(jnp.array([0.5, 0.2]), negatives[:, :1], temperature=0.1)
        np.testing.assert_allclose(found, alone, rtol=1e-6)
        none = function(jnp.array([0.5, 0.2]), negatives, jnp.zeros((2, 2), bool))
        np.testing.assert_array_equal(none, 0)

    @chex.variants(with_jit=True, without_jit=True)
    def test_two_clips_equal_the_formula(self):
        for temperature in (0.07, 1.0):
            function = self.variant(
                lambda f, s, v, t=temperature: losses.two_clip_contrast(f, s, v, temperature=t)
            )
            found = function(FIRST, SECOND, VIDEOS)
            expected = reference(FIRST, SECOND, VIDEOS, temperature)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_info_nce_is_pytorchs_cross_entropy_with_label_0():
    torch = pytest.importorskip("torch")
    positive, negatives = RNG.normal(size=6), RNG.normal(size=(6, 9))
    scores = torch.tensor(np.concatenate([positive[:, None], negatives], 1)) / 0.07
    expected = torch.nn.functional.cross_entropy(
        scores, torch.zeros(6, dtype=torch.long), reduction="none"
    )
    found = losses.info_nce(
        jnp.asarray(positive, jnp.float32), jnp.asarray(negatives, jnp.float32), temperature=0.07
    )
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    def total(first, second):
        return losses.two_clip_contrast(first, second, jnp.asarray(VIDEOS), temperature=0.5).sum()

    check_grads(total, (jnp.asarray(FIRST), jnp.asarray(SECOND)), order=1, rtol=2e-2)


def test_gradients_are_finite_where_nothing_counts_and_at_a_low_temperature():
    first, second = jnp.asarray(FIRST), jnp.asarray(SECOND)
    for videos in (jnp.zeros(5, int), jnp.arange(5)):
        grads = jax.grad(
            lambda f, v=videos: losses.two_clip_contrast(f, second, v, temperature=1e-3).sum()
        )(first)
        assert np.isfinite(grads).all()


def test_half_precision_gives_float32():
    half = [jnp.asarray(rows, jnp.bfloat16) for rows in (FIRST, SECOND)]
    found = losses.two_clip_contrast(*half, jnp.asarray(VIDEOS), temperature=0.07)
    whole = losses.two_clip_contrast(
        *(rows.astype(jnp.float32) for rows in half), jnp.asarray(VIDEOS), temperature=0.07
    )
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, whole)
    pair = half[0][:, 0], half[1]
    found = losses.info_nce(*pair, temperature=0.07)
    whole = losses.info_nce(*(x.astype(jnp.float32) for x in pair), temperature=0.07)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, whole)


def test_wrong_shapes_are_refused():
    with pytest.raises(AssertionError):
        losses.two_clip_contrast(FIRST, SECOND[:4], VIDEOS, temperature=1.0)
    with pytest.raises(AssertionError):
        losses.info_nce(jnp.zeros(3), jnp.zeros((4, 2)), temperature=1.0)
    with pytest.raises(AssertionError):
        counted = jnp.ones((4, 1), bool)
        losses.info_nce(jnp.zeros(4), jnp.zeros((4, 2)), temperature=1.0, counted=counted)


def test_examples():
    assert doctest.testmod(contrast, extraglobs={"jnp": jnp}).failed == 0
