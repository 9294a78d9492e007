"""Losses of confidence: hand-computed values, NumPy, PyTorch, gradients, limits."""

import doctest

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized
from jax.test_util import check_grads

from vidkd_jax import losses
from vidkd_jax.losses import confidence

RNG = np.random.default_rng(8)
STUDENT = RNG.normal(0, 2, (6, 5)).astype(np.float32)
TEACHER = RNG.normal(0, 2, (6, 5)).astype(np.float32)
CONFIDENCE = RNG.normal(0, 2, 6).astype(np.float32)  # logits
# Of the even rows the teacher is right, of the odd ones it is wrong.
LABELS = np.where(np.arange(6) % 2, (TEACHER.argmax(1) + 1) % 5, TEACHER.argmax(1))
RIGHT = 1.0 - np.arange(6) % 2
UNIFORM = np.full(5, 0.2)


def softmax(logits):
    exponentials = np.exp(np.asarray(logits, float))
    return exponentials / exponentials.sum(-1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, float)))


def distilled(**options):
    arrays = map(jnp.asarray, (STUDENT, TEACHER, CONFIDENCE, LABELS))
    return losses.confidence_distillation(*arrays, **{"temperature": 0.9, **options})


class ConfidenceTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_pseudo_labels_hand_computed(self):
        teacher = jnp.array([[3.0, 1.0, 0.0], [0.0, 1.0, 3.0], [2.0, 2.0, 0.0], [2.0, 2.0, 0.0]])
        found = self.variant(losses.teacher_is_right)(teacher, jnp.array([0, 1, 0, 1]))
        np.testing.assert_array_equal(found, [1, 0, 1, 0])  # of equals, the first class counts

    @chex.variants(with_jit=True, without_jit=True)
    def test_targets_hand_computed(self):
        # The teacher's soft target is (3/4, 1/4), and the student's confidence 0.9.
        teacher, right = 2.0 * jnp.log(jnp.array([[3.0, 1.0]] * 2)), jnp.array([1.0, 0.0])
        for reading, wrong in (("printed", 0.1), ("uniform", 0.9)):
            function = self.variant(
                lambda t, z, r, reading=reading: losses.confident_targets(
                    t, z, r, temperature=2.0, wrong_teacher=reading
                )
            )
            found = function(teacher, jnp.array([0.9, 0.9]), right)
            expected = [[0.5 + 0.25 * share, 0.5 - 0.25 * share] for share in (0.9, wrong)]
            np.testing.assert_allclose(found, expected, rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_binary_cross_entropy_hand_computed_and_at_extremes(self):
        logits, targets = (
            jnp.array([jnp.log(3.0), jnp.log(3.0), 1e4, -1e4]),
            jnp.array([1, 0, 0, 1]),
        )
        function = self.variant(lambda s, z: losses.binary_cross_entropy(s, z, positive_weight=1.5))
        found = function(logits, targets.astype(float))
        expected = [-1.5 * np.log(0.75), -np.log(0.25), 1e4, 1.5e4]
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_hinted_cross_entropy_hand_computed(self):
        # p = (3/4, 1/4), c = 3/4: with a hint the label 1 has 3/4 1/4 + 1/4 = 7/16.
        logits, sure = jnp.log(jnp.array([[3.0, 1.0]] * 2)), jnp.log(jnp.array([3.0, 3.0]))
        function = self.variant(losses.hinted_cross_entropy)
        found = function(logits, sure, jnp.array([1, 1]), jnp.array([True, False]))
        np.testing.assert_allclose(found, [-np.log(7 / 16), -np.log(1 / 4)], rtol=1e-6)

    @parameterized.product(reading=("printed", "uniform"), mean=(True, False))
    def test_distillation_equals_numpy(self, reading, mean):
        sure = sigmoid(CONFIDENCE)
        share = np.where((RIGHT == 1) | (reading == "uniform"), sure, 1 - sure)[:, None]
        target = share * softmax(TEACHER / 0.9) + (1 - share) * UNIFORM
        expected = 0.81 * (target * np.log(target / softmax(STUDENT / 0.9))).sum(1)
        found = distilled(wrong_teacher=reading, mean_over_classes=mean)
        np.testing.assert_allclose(found, expected / (5 if mean else 1), rtol=1e-4)

    @parameterized.product(reading=("printed", "uniform"), through_target=(True, False))
    def test_distillation_equals_pytorch_with_its_gradients(self, reading, through_target):
        torch = pytest.importorskip("torch")
        student, sure = (torch.tensor(x, requires_grad=True) for x in (STUDENT, CONFIDENCE))
        share = torch.sigmoid(sure)
        if reading == "printed":
            share = torch.where(torch.tensor(RIGHT) == 1, share, 1 - share)
        teacher = torch.softmax(torch.tensor(TEACHER) / 0.9, 1)
        target = share[:, None] * teacher + (1 - share[:, None]) / 5
        target = target if through_target else target.detach()
        # The thesis' 1/n is that of PyTorch's reduction "mean", over examples and classes.
        expected = 0.81 * torch.nn.functional.kl_div(
            torch.log_softmax(student / 0.9, 1), target, reduction="none"
        )
        expected = expected.mean()
        expected.backward()

        def loss(student, sure):
            return losses.confidence_distillation(
                student,
                jnp.array(TEACHER),
                sure,
                jnp.array(LABELS),
                temperature=0.9,
                wrong_teacher=reading,
                target_gradient=through_target,
            ).mean()

        arguments = jnp.array(STUDENT), jnp.array(CONFIDENCE)
        value, gradients = jax.value_and_grad(loss, (0, 1))(*arguments)
        np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
        np.testing.assert_allclose(gradients[0], student.grad.numpy(), rtol=1e-4, atol=1e-7)
        if through_target:
            np.testing.assert_allclose(gradients[1], sure.grad.numpy(), rtol=1e-4, atol=1e-7)
            assert np.abs(gradients[1]).max() > 1e-4
        else:
            np.testing.assert_array_equal(gradients[1], np.zeros(6))

    @parameterized.parameters(1.0, 1.5, 2.0)
    def test_binary_cross_entropy_equals_pytorch(self, weight):
        torch = pytest.importorskip("torch")
        logits = torch.tensor(CONFIDENCE, requires_grad=True)
        loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))
        expected = loss(logits, torch.tensor(RIGHT, dtype=torch.float32))
        expected.backward()
        value, gradient = jax.value_and_grad(
            lambda s: losses.binary_cross_entropy(
                s, jnp.array(RIGHT), positive_weight=weight
            ).mean()
        )(jnp.array(CONFIDENCE))
        np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
        np.testing.assert_allclose(gradient, logits.grad.numpy(), rtol=1e-5)

    def test_learned_confidence_equals_the_reference_code_with_its_gradients(self):
        """In PyTorch as DeVries and Taylor have it, with their clipping."""
        torch = pytest.importorskip("torch")
        logits, sure = (torch.tensor(x, requires_grad=True) for x in (STUDENT, CONFIDENCE))
        hinted = RIGHT == 1
        least = 1e-12
        probabilities = torch.softmax(logits, 1).clamp(least, 1 - least)
        trusted = torch.sigmoid(sure).clamp(least, 1 - least)
        b = torch.tensor(hinted.astype(np.float32))
        conf = (trusted * b + (1 - b))[:, None]
        one_hot = torch.nn.functional.one_hot(torch.tensor(LABELS), 5)
        log_mixed = torch.log(probabilities * conf + one_hot * (1 - conf))
        nll = torch.nn.NLLLoss()(log_mixed, torch.tensor(LABELS))
        expected = nll + 0.1 * torch.mean(-torch.log(trusted))
        expected.backward()

        def total(logits, sure):
            asked = losses.hinted_cross_entropy(
                logits, sure, jnp.array(LABELS), jnp.asarray(hinted)
            )
            return (asked + 0.1 * losses.binary_cross_entropy(sure, jnp.ones(6))).mean()

        value, gradients = jax.value_and_grad(total, (0, 1))(
            jnp.array(STUDENT), jnp.array(CONFIDENCE)
        )
        np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
        np.testing.assert_allclose(gradients[0], logits.grad.numpy(), rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(gradients[1], sure.grad.numpy(), rtol=1e-3, atol=1e-6)


def test_the_two_terms_of_eq_36_are_one():
    """z L + (1 - z) L = L, whose two cases differ by the target alone."""
    right, wrong = (
        losses.kl_from_targets(
            jnp.array(STUDENT),
            losses.confident_targets(
                jnp.array(TEACHER),
                jax.nn.sigmoid(jnp.array(CONFIDENCE)),
                jnp.full(6, z),
                temperature=0.9,
            ),
            temperature=0.9,
            scale_by_temperature_squared=True,
        )
        for z in (1.0, 0.0)
    )
    both = RIGHT * right + (1 - RIGHT) * wrong
    np.testing.assert_allclose(distilled(mean_over_classes=False), both, rtol=1e-5)
    assert np.abs(right - wrong).min() > 1e-3


def test_eq_38_the_divergence_is_cross_entropy_less_entropy():
    target = losses.confident_targets(
        jnp.array(TEACHER),
        jax.nn.sigmoid(jnp.array(CONFIDENCE)),
        jnp.array(RIGHT),
        temperature=1.0,
    )
    crossed = -(target * jax.nn.log_softmax(STUDENT)).sum(1)
    entropy = -(target * jnp.log(target)).sum(1)
    found = distilled(temperature=1.0, mean_over_classes=False)
    np.testing.assert_allclose(found, crossed - entropy, rtol=1e-4)


@pytest.mark.parametrize("reading", ["printed", "uniform"])
@pytest.mark.parametrize("right", [1.0, 0.0])
@pytest.mark.parametrize("sure", [1.0, 0.0])
def test_limits_of_confidence(reading, right, sure):
    """Full trust copies the teacher, none is uniform; as printed, of a wrong teacher inversely."""
    found = losses.confident_targets(
        jnp.array(TEACHER),
        jnp.full(6, sure),
        jnp.full(6, right),
        temperature=0.9,
        wrong_teacher=reading,
    )
    copies = sure == 1 if reading == "uniform" else sure == right
    expected = softmax(TEACHER / 0.9) if copies else np.tile(UNIFORM, (6, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("extreme", [-200.0, 200.0])
def test_saturated_confidence_has_finite_loss_and_gradients(extreme):
    """Where the teacher is one-hot, too: the target has zeros, and 0 log 0 = 0."""
    teacher, logits = jnp.eye(5)[jnp.array(LABELS)] * 1e4, jnp.full(6, extreme)

    def loss(student, sure):
        return (
            losses.confidence_distillation(
                student, teacher, sure, jnp.array(LABELS), temperature=0.9
            ).sum()
            + losses.hinted_cross_entropy(student, sure, jnp.array(LABELS), jnp.ones(6, bool)).sum()
        )

    value, gradients = jax.value_and_grad(loss, (0, 1))(jnp.array(STUDENT), logits)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in gradients)


def test_gradients_are_those_of_finite_differences():
    teacher, labels = jnp.array(TEACHER), jnp.array(LABELS)

    def both(student, sure):
        distilled = losses.confidence_distillation(
            student, teacher, sure, labels, temperature=0.9, mean_over_classes=False
        )
        asked = losses.hinted_cross_entropy(student, sure, labels, jnp.array(RIGHT == 1))
        return distilled, asked, losses.binary_cross_entropy(sure, jnp.array(RIGHT))

    arguments = jnp.array(STUDENT), jnp.array(CONFIDENCE)
    check_grads(both, arguments, order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_a_teacher_gets_exactly_zero_gradient():
    def loss(teacher):
        return losses.confidence_distillation(
            jnp.array(STUDENT), teacher, jnp.array(CONFIDENCE), jnp.array(LABELS), temperature=0.9
        ).sum()

    np.testing.assert_array_equal(jax.grad(loss)(jnp.array(TEACHER)), np.zeros_like(TEACHER))


def test_a_student_that_knows_nothing_trusts_less_through_the_target():
    """It is nearer to a uniform target: zero confidence is the "naive solution" before eq. 3.6."""
    labels = jnp.array(TEACHER.argmax(1))

    def loss(sure):
        return losses.confidence_distillation(
            jnp.zeros((6, 5)), jnp.array(TEACHER), sure, labels, temperature=0.9
        ).sum()

    assert (jax.grad(loss)(jnp.array(CONFIDENCE)) > 0).all()


def test_a_weight_on_positives_raises_the_best_confidence():
    """At a share of 1/2 the best confidence is mu / (1 + mu): false positives grow with mu."""
    for weight in (1.0, 1.5, 2.0):
        best = jnp.full(2, jnp.log(weight))
        gradient = jax.grad(
            lambda s, weight=weight: losses.binary_cross_entropy(
                s, jnp.array([1.0, 0.0]), positive_weight=weight
            ).sum()
        )(best)
        np.testing.assert_allclose(gradient.sum(), 0.0, atol=1e-6)


def test_all_numbers_may_be_traced():
    arrays = tuple(map(jnp.asarray, (STUDENT, TEACHER, CONFIDENCE, LABELS)))
    options = {"temperature": 0.9, "target_gradient": False, "mean_over_classes": False}
    compiled = jax.jit(losses.confidence_distillation)(*arrays, **options)
    expected = losses.confidence_distillation(*arrays, **options)
    np.testing.assert_allclose(compiled, expected, rtol=1e-5)


@pytest.mark.parametrize("label", [5, -1])
def test_a_label_that_is_no_class_is_nan(label):
    labels = jnp.array([label, *LABELS[1:]])
    arrays = tuple(map(jnp.asarray, (STUDENT, TEACHER, CONFIDENCE)))
    for found in (
        losses.teacher_is_right(arrays[1], labels),
        losses.confidence_distillation(*arrays, labels, temperature=0.9),
        losses.hinted_cross_entropy(arrays[0], arrays[2], labels, jnp.zeros(6, bool)),
    ):
        np.testing.assert_array_equal(np.isnan(found), [True] + [False] * 5)


def test_half_precision_gives_a_float32_loss():
    half = [jnp.array(x, jnp.bfloat16) for x in (STUDENT, TEACHER, CONFIDENCE)]
    found = losses.confidence_distillation(*half, jnp.array(LABELS), temperature=0.9)
    whole = [x.astype(jnp.float32) for x in half]
    expected = losses.confidence_distillation(*whole, jnp.array(LABELS), temperature=0.9)
    assert found.dtype == losses.binary_cross_entropy(half[2], half[2]).dtype == jnp.float32
    np.testing.assert_array_equal(found, expected)


def test_half_precision_is_left_before_anything_is_computed():
    half = [jnp.array(x, jnp.bfloat16) for x in (STUDENT, TEACHER, CONFIDENCE, sigmoid(CONFIDENCE))]
    labels, right = jnp.array(LABELS), jnp.array(RIGHT)

    def every(student, teacher, logits, sure):
        return (
            losses.confident_targets(teacher, sure, right, temperature=0.9),
            losses.hinted_cross_entropy(student, logits, labels, right == 1),
            losses.binary_cross_entropy(logits, right),
        )

    whole = every(*(x.astype(jnp.float32) for x in half))
    for found, expected in zip(every(*half), whole, strict=True):
        assert found.dtype == jnp.float32
        np.testing.assert_array_equal(found, expected)


def test_another_reading_is_refused():
    with pytest.raises(ValueError, match="use one of printed, uniform"):
        distilled(wrong_teacher="random")


@pytest.mark.parametrize("shape", [(5,), (6, 1), ()])
def test_confidences_of_another_shape_raise(shape):
    arrays = jnp.array(STUDENT), jnp.array(TEACHER), jnp.zeros(shape), jnp.array(LABELS)
    with pytest.raises(AssertionError):
        losses.confidence_distillation(*arrays, temperature=0.9)
    with pytest.raises(AssertionError):
        losses.binary_cross_entropy(jnp.zeros(shape), jnp.zeros(6))


def test_examples_in_the_docstrings():
    result = doctest.testmod(confidence)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_teacher_that_is_not_finite_is_neither_right_nor_wrong():
    logits = jnp.array([[jnp.nan, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(losses.teacher_is_right(logits, jnp.zeros(2, int)), [np.nan, 1])
