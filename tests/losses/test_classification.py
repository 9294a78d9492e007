"""Cross-entropy: hand-computed values, PyTorch, gradients, extremes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized
from jax.test_util import check_grads

from vidkd_jax.losses import cross_entropy

LOGITS = np.random.default_rng(0).normal(0, 3, (6, 5)).astype(np.float32)
LABELS = np.array([0, 4, 2, 2, 1, 3])


class CrossEntropyTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_hand_computed(self):
        # softmax of (ln 1, ln 2, ln 5) is (1/8, 2/8, 5/8).
        logits = jnp.log(jnp.array([[1.0, 2.0, 5.0]] * 3))
        loss = self.variant(cross_entropy)(logits, jnp.array([0, 1, 2]))
        np.testing.assert_allclose(loss, np.log([8, 4, 1.6]), rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_hand_computed_with_label_smoothing(self):
        # Target (0.1 / 2 + 0.9, 0.1 / 2) on probabilities (1/4, 3/4).
        logits = jnp.log(jnp.array([[1.0, 3.0]]))
        function = self.variant(lambda z, y: cross_entropy(z, y, label_smoothing=0.1))
        expected = 0.95 * np.log(4) + 0.05 * np.log(4 / 3)
        np.testing.assert_allclose(function(logits, jnp.array([0])), [expected], rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_extreme_logits_are_finite(self):
        logits = jnp.array([[1e4, 0.0, -1e4]] * 3)
        loss = self.variant(cross_entropy)(logits, jnp.array([0, 1, 2]))
        np.testing.assert_allclose(loss, [0.0, 1e4, 2e4])

    @parameterized.parameters(0.0, 0.1, 1.0)
    def test_equals_pytorch(self, label_smoothing):
        torch = pytest.importorskip("torch")
        expected = torch.nn.functional.cross_entropy(
            torch.tensor(LOGITS),
            torch.tensor(LABELS),
            label_smoothing=label_smoothing,
            reduction="none",
        )
        loss = cross_entropy(jnp.array(LOGITS), jnp.array(LABELS), label_smoothing=label_smoothing)
        np.testing.assert_allclose(loss, expected.numpy(), rtol=1e-5)


def test_gradients_are_those_of_finite_differences():
    def function(logits):
        return cross_entropy(logits, jnp.array(LABELS), label_smoothing=0.2)

    check_grads(function, (jnp.array(LOGITS),), order=1, atol=1e-2, rtol=1e-2)


def test_gradient_is_probability_minus_target():
    gradient = jax.grad(lambda z: cross_entropy(z, jnp.array(LABELS)).sum())(jnp.array(LOGITS))
    expected = jax.nn.softmax(LOGITS) - np.eye(5)[LABELS]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_bfloat16_logits_give_a_float32_loss():
    logits = jnp.array(LOGITS, jnp.bfloat16)
    loss = cross_entropy(logits, jnp.array(LABELS), label_smoothing=0.1)
    expected = cross_entropy(logits.astype(jnp.float32), jnp.array(LABELS), label_smoothing=0.1)
    assert loss.dtype == jnp.float32
    np.testing.assert_array_equal(loss, expected)


def test_of_several_clips_of_a_video_each_has_its_loss():
    logits, labels = jnp.array(LOGITS).reshape(2, 3, 5), jnp.array(LABELS).reshape(2, 3)
    each = cross_entropy(jnp.array(LOGITS), jnp.array(LABELS), label_smoothing=0.1)
    found = cross_entropy(logits, labels, label_smoothing=0.1)
    np.testing.assert_allclose(found, each.reshape(2, 3), rtol=1e-6)
    no_class = cross_entropy(logits, labels.at[1, 2].set(-1))
    np.testing.assert_array_equal(np.isnan(no_class), [[False] * 3, [False, False, True]])


@pytest.mark.parametrize("label", [5, -1, 100])
def test_label_that_is_no_class_is_nan_not_a_wrong_class(label):
    loss = cross_entropy(jnp.array(LOGITS[:2]), jnp.array([label, 2]))
    np.testing.assert_array_equal(np.isnan(loss), [True, False])


def test_a_class_masked_by_infinity_is_no_loss_without_smoothing():
    logits = jnp.array([[0.0, 0.0, -jnp.inf]])
    np.testing.assert_allclose(cross_entropy(logits, jnp.array([0])), [np.log(2)], rtol=1e-6)


def test_the_smoothing_may_be_traced():
    arguments = jnp.array(LOGITS), jnp.array(LABELS)
    for smoothing in (0.0, 0.1):
        compiled = jax.jit(cross_entropy)(*arguments, label_smoothing=smoothing)
        expected = cross_entropy(*arguments, label_smoothing=smoothing)
        np.testing.assert_allclose(compiled, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (jnp.zeros(3), jnp.zeros((), int)),
        (jnp.zeros((4, 3)), jnp.zeros(5, int)),
        (jnp.zeros((4, 3)), jnp.zeros((4, 3), int)),
        (jnp.zeros((4, 3)), jnp.zeros((4, 1), int)),
        (jnp.zeros((2, 4, 3)), jnp.zeros(2, int)),
        (jnp.zeros((4, 3)), jnp.zeros(4)),
        (jnp.zeros((4, 3), int), jnp.zeros(4, int)),
    ],
)
def test_mismatched_arguments_raise(logits, labels):
    with pytest.raises(AssertionError):
        cross_entropy(logits, labels)


@pytest.mark.parametrize(("dtype", "label", "classes"), [("uint8", 200, 300), ("int8", 3, 128)])
def test_labels_of_a_small_type_are_classes(dtype, label, classes):
    loss = cross_entropy(jnp.zeros((1, classes)), jnp.array([label], dtype))
    np.testing.assert_allclose(loss, [np.log(classes)], rtol=1e-6)
