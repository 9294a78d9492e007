"""Soft targets and KL: hand-computed values, PyTorch, gradients, extremes; doctests of losses."""

import doctest

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized
from jax.test_util import check_grads

from vidkd_jax import losses
from vidkd_jax.losses import (
    classification,
    decoupled_kl,
    distillation,
    kl_divergence,
    kl_from_targets,
    soft_targets,
)

RNG = np.random.default_rng(1)
STUDENT = RNG.normal(0, 3, (6, 5)).astype(np.float32)
TEACHER = RNG.normal(0, 3, (6, 5)).astype(np.float32)


class DistillationTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_soft_targets_hand_computed(self):
        # exp(z / 2) of z = 2 ln (1, 2, 5) is (1, 2, 5).
        logits = 2.0 * jnp.log(jnp.array([1.0, 2.0, 5.0]))
        result = self.variant(lambda z: soft_targets(z, 2.0))(logits)
        np.testing.assert_allclose(result, [1 / 8, 2 / 8, 5 / 8], rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_kl_hand_computed(self):
        # At temperature 4 the teacher is (3/4, 1/4), the student (1/2, 1/2).
        teacher = 4.0 * jnp.log(jnp.array([[3.0, 1.0]]))
        student = jnp.array([[7.0, 7.0]])
        function = self.variant(lambda s, t: kl_divergence(s, t, temperature=4.0))
        expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
        np.testing.assert_allclose(function(student, teacher), [expected], rtol=1e-5)

    @chex.variants(with_jit=True, without_jit=True)
    def test_extreme_logits_are_finite(self):
        teacher, student = jnp.array([[1e4, 0.0, -1e4]]), jnp.array([[-1e4, 0.0, 1e4]])
        function = self.variant(lambda s, t: kl_divergence(s, t, temperature=1.0))
        np.testing.assert_allclose(function(student, teacher), [2e4])
        np.testing.assert_allclose(function(teacher, teacher), [0.0])

    @parameterized.product(temperature=(1.0, 5.0), squared=(False, True))
    def test_equals_pytorch(self, temperature, squared):
        torch = pytest.importorskip("torch")
        functional = torch.nn.functional
        student = torch.tensor(STUDENT, requires_grad=True)
        expected = functional.kl_div(
            functional.log_softmax(student / temperature, dim=1),
            functional.softmax(torch.tensor(TEACHER) / temperature, dim=1),
            reduction="batchmean",
        )
        expected = expected * temperature**2 if squared else expected
        expected.backward()

        def loss(logits):
            return kl_divergence(
                logits,
                jnp.array(TEACHER),
                temperature=temperature,
                scale_by_temperature_squared=squared,
            ).mean()

        value, gradient = jax.value_and_grad(loss)(jnp.array(STUDENT))
        np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
        np.testing.assert_allclose(gradient, student.grad.numpy(), rtol=1e-4, atol=1e-7)


def test_gradients_are_those_of_finite_differences():
    def function(student):
        return kl_divergence(student, jnp.array(TEACHER), temperature=3.0)

    check_grads(function, (jnp.array(STUDENT),), order=1, atol=1e-2, rtol=1e-2)


def test_teacher_gets_exactly_zero_gradient():
    def function(student, teacher):
        return kl_divergence(student, teacher, temperature=5.0).sum()

    student, teacher = jax.grad(function, argnums=(0, 1))(jnp.array(STUDENT), jnp.array(TEACHER))
    assert np.abs(student).max() > 1e-3
    np.testing.assert_array_equal(teacher, np.zeros_like(TEACHER))


def test_the_teacher_comes_first_in_the_divergence():
    forward = kl_divergence(jnp.array(STUDENT), jnp.array(TEACHER), temperature=1.0)
    p, q = soft_targets(jnp.array(TEACHER), 1.0), soft_targets(jnp.array(STUDENT), 1.0)
    np.testing.assert_allclose(forward, jnp.sum(p * jnp.log(p / q), -1), rtol=1e-4)
    assert not np.allclose(forward, jnp.sum(q * jnp.log(q / p), -1), rtol=1e-2)


def test_soft_targets_keep_leading_axes_and_flatten_with_temperature():
    logits = jnp.array(RNG.normal(size=(2, 3, 4)))
    cold, hot = soft_targets(logits, 0.5), soft_targets(logits, 50.0)
    np.testing.assert_allclose(cold.sum(-1), np.ones((2, 3)), rtol=1e-6)
    np.testing.assert_allclose(hot, np.full((2, 3, 4), 0.25), atol=0.03)
    assert np.all(cold.max(-1) > hot.max(-1))


def test_bfloat16_logits_give_a_float32_loss():
    student, teacher = jnp.array(STUDENT, jnp.bfloat16), jnp.array(TEACHER, jnp.bfloat16)
    loss = kl_divergence(student, teacher, temperature=5.0)
    expected = kl_divergence(
        student.astype(jnp.float32), teacher.astype(jnp.float32), temperature=5.0
    )
    assert loss.dtype == soft_targets(student, 5.0).dtype == jnp.float32
    np.testing.assert_array_equal(loss, expected)


def test_kl_from_a_teachers_targets_is_the_kl_from_the_teacher():
    targets = soft_targets(jnp.array(TEACHER), 3.0)
    result = kl_from_targets(jnp.array(STUDENT), targets, temperature=3.0)
    expected = kl_divergence(jnp.array(STUDENT), jnp.array(TEACHER), temperature=3.0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)
    squared = kl_from_targets(
        jnp.array(STUDENT), targets, temperature=3.0, scale_by_temperature_squared=True
    )
    np.testing.assert_allclose(squared, 9 * result, rtol=1e-6)


def test_kl_from_targets_of_probability_zero_is_finite():
    targets, student = jnp.array([[0.0, 1.0, 0.0]]), jnp.array([[0.0, 1e4, -1e4]])
    value, gradient = jax.value_and_grad(
        lambda s: kl_from_targets(s, targets, temperature=1.0).sum()
    )(student)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    np.testing.assert_allclose(gradient, np.zeros((1, 3)), atol=1e-6)


LABELS = np.array([0, 1, 2, 3, 4, 0])


def test_decoupled_kl_falls_apart_into_the_kl():
    """KL = KL(pairs) + (1 - teacher's probability of the label) KL(others) (eq. 5 of the paper)."""
    student, teacher = jnp.array(STUDENT), jnp.array(TEACHER)
    parts = [
        decoupled_kl(
            student, teacher, jnp.array(LABELS), temperature=2.0, target_weight=a, other_weight=b
        )
        for a, b in ((1.0, 0.0), (0.0, 1.0))
    ]
    label = soft_targets(teacher, 2.0)[np.arange(6), LABELS]
    expected = 4 * kl_divergence(student, teacher, temperature=2.0)
    np.testing.assert_allclose(parts[0] + (1 - label) * parts[1], expected, rtol=1e-3, atol=1e-5)


def test_decoupled_kl_has_the_papers_weights_by_default():
    arguments = jnp.array(STUDENT), jnp.array(TEACHER), jnp.array(LABELS)
    found = decoupled_kl(*arguments, temperature=4.0)
    expected = decoupled_kl(*arguments, temperature=4.0, target_weight=1.0, other_weight=8.0)
    np.testing.assert_array_equal(found, expected)


def test_decoupled_kl_gradients():
    def function(student, teacher=TEACHER):
        return decoupled_kl(student, jnp.asarray(teacher), jnp.array(LABELS), temperature=4.0)

    check_grads(function, (jnp.array(STUDENT),), order=1, atol=2e-2, rtol=2e-2)
    taught = jax.grad(lambda t: function(jnp.array(STUDENT), t).sum())(jnp.array(TEACHER))
    np.testing.assert_array_equal(taught, np.zeros_like(TEACHER))


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (3,), (1, 3), (4, 1)])
def test_mismatched_shapes_raise(shape):
    with pytest.raises(AssertionError):
        kl_divergence(jnp.zeros((4, 3)), jnp.zeros(shape), temperature=1.0)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_targets_of_anything_but_a_batch_raise(shape):
    with pytest.raises(AssertionError):
        kl_from_targets(jnp.zeros(shape), jnp.full(shape, 1 / 3), temperature=1.0)


@pytest.mark.parametrize("label", [3, -1])
def test_decoupled_kl_of_a_label_that_is_no_class_is_nan(label):
    loss = decoupled_kl(jnp.zeros((2, 3)), jnp.ones((2, 3)), jnp.array([label, 1]), temperature=4.0)
    np.testing.assert_array_equal(np.isnan(loss), [True, False])


@pytest.mark.parametrize("labels", [np.zeros(1, int), np.zeros(4, np.float32)])
def test_decoupled_kl_of_labels_of_another_batch_or_type_raises(labels):
    with pytest.raises(AssertionError):
        decoupled_kl(jnp.zeros((4, 3)), jnp.ones((4, 3)), jnp.array(labels), temperature=4.0)


@pytest.mark.parametrize("loss", [kl_divergence, kl_from_targets])
@pytest.mark.parametrize("squared", [False, True])
def test_all_options_may_be_traced(loss, squared):
    arguments = jnp.array(STUDENT), jax.nn.softmax(jnp.array(TEACHER))
    options = {"temperature": 3.0, "scale_by_temperature_squared": squared}
    compiled = jax.jit(loss)(*arguments, **options)
    np.testing.assert_allclose(compiled, loss(*arguments, **options), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", [classification, distillation])
def test_examples_in_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_class_that_the_teacher_masks_does_not_count():
    student, masked = jnp.array([[1.0, 2.0, 0.0]]), jnp.array([[2.0, 1.0, -jnp.inf]])
    both = jnp.array([[1.0, 2.0, -jnp.inf]])
    how, label = {"temperature": 2.0}, jnp.array([0])
    targets = losses.soft_targets(masked, 2.0)
    for logits, expected in ((student, 0.3287), (both, 0.1225)):
        found = losses.kl_divergence(logits, masked, **how)
        np.testing.assert_allclose(found, [expected], atol=1e-4)
        np.testing.assert_allclose(losses.kl_from_targets(logits, targets, **how), found, rtol=1e-5)
        own_weight = 1 - targets[0, 0]  # makes the decoupled loss the plain one, times tau^2
        decoupled = losses.decoupled_kl(logits, masked, label, other_weight=own_weight, **how)
        np.testing.assert_allclose(decoupled, 4 * found, rtol=1e-4)
    for loss in (
        lambda x: losses.kl_divergence(x, masked, **how).sum(),
        lambda x: losses.kl_from_targets(x, targets, **how).sum(),
        lambda x: losses.decoupled_kl(x, masked, label, **how).sum(),
    ):
        assert np.isfinite(jax.grad(loss)(student)).all()


def test_a_class_that_the_student_alone_masks_costs_without_end():
    student, teacher = jnp.array([[1.0, 2.0, -jnp.inf]]), jnp.array([[2.0, 1.0, 0.0]])
    targets = losses.soft_targets(teacher, 2.0)
    for found in (
        losses.kl_divergence(student, teacher, temperature=2.0),
        losses.kl_from_targets(student, targets, temperature=2.0),
        losses.decoupled_kl(student, teacher, jnp.array([0]), temperature=2.0),
    ):
        np.testing.assert_array_equal(found, [np.inf])


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_temperature_of_each_example_is_refused(shape):
    logits, temperature = jnp.zeros((3, 3)), jnp.ones(shape)
    with pytest.raises(AssertionError):
        losses.kl_divergence(logits, logits, temperature=temperature)
    with pytest.raises(AssertionError):
        losses.decoupled_kl(logits, logits, jnp.arange(3), temperature=temperature)


def test_decoupled_kl_of_one_class_is_zero():
    logits = jnp.ones((2, 1))
    loss = losses.decoupled_kl(logits, 3 * logits, jnp.zeros(2, int), temperature=2.0)
    np.testing.assert_array_equal(loss, [0.0, 0.0])


def test_decoupled_kl_of_labels_of_a_small_type():
    logits = np.random.default_rng(0).normal(size=(2, 1, 300)).astype(np.float32)
    wide, narrow = (
        losses.decoupled_kl(*logits, jnp.array([10], dtype), temperature=2.0)
        for dtype in ("int32", "uint8")
    )
    np.testing.assert_array_equal(wide, narrow)
