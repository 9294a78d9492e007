"""Feature losses: hand-computed values, PyTorch, gradients, degenerate batches."""

import doctest

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from vidkd_jax import losses
from vidkd_jax.losses import features

RNG = np.random.default_rng(2)
STUDENT, TEACHER = (RNG.normal(size=(5, d)).astype(np.float32) for d in (4, 4))
WIDE = RNG.normal(size=(5, 7)).astype(np.float32)
MAPS, WIDE_MAPS = (RNG.normal(size=(2, 2, 3, 3, c)).astype(np.float32) for c in (4, 6))


def test_mean_squared_error_equals_pytorch():
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.mse_loss(torch.tensor(STUDENT), torch.tensor(TEACHER))
    result = losses.mean_squared_error(jnp.array(STUDENT), jnp.array(TEACHER))
    assert result.shape == (5,)
    np.testing.assert_allclose(result.mean(), expected.item(), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "size"),
    [(losses.mean_squared_error, np.square), (losses.mean_absolute_error, np.abs)],
)
def test_the_error_of_a_block_is_the_mean_over_all_its_positions(function, size):
    found = function(jnp.array(MAPS), jnp.array(WIDE_MAPS[..., :4]))
    expected = size(MAPS - WIDE_MAPS[..., :4]).reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_attention_transfer_hand_computed():
    # Maps (4, 0) and (3, 3), normalised: (1, 0) and (1, 1) / sqrt 2: (2 - 2 / sqrt 2) / 2.
    student = jnp.array([2.0, 0.0]).reshape(1, 1, 1, 2, 1)
    teacher = jnp.sqrt(jnp.array([[3.0, 3.0], [3.0, 3.0]])).reshape(1, 1, 1, 2, 2)
    np.testing.assert_allclose(
        losses.attention_transfer(student, teacher), [1 - 2**-0.5], rtol=1e-6
    )


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-5])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((2, 3, 3), (2, 3, 3)), ((4, 8, 6), (2, 4, 4)), ((2, 3, 5), (4, 7, 3))],
    ids=["equal", "smaller", "smaller and larger"],
)
def test_attention_transfer_equals_pytorch(ours, theirs, scale):
    """The reference averages features to the smaller size, then squares them; none is shrunk."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    student = scale * rng.normal(size=(2, *ours, 4)).astype(np.float32)
    teacher = rng.normal(size=(2, *theirs, 6)).astype(np.float32)
    size = tuple(map(min, ours, theirs))

    def attention(block):
        pooled = torch.nn.functional.adaptive_avg_pool3d(block.movedim(-1, 1), size)
        return torch.nn.functional.normalize(pooled.pow(2).mean(1).flatten(1))

    block = torch.tensor(student, requires_grad=True)
    expected = (attention(block) - attention(torch.tensor(teacher))).pow(2).mean(1)
    expected.sum().backward()
    result = losses.attention_transfer(jnp.array(student), jnp.array(teacher))
    np.testing.assert_allclose(result, expected.detach(), rtol=1e-5)
    taught = jax.grad(lambda s: losses.attention_transfer(s, jnp.array(teacher)).sum())
    gradient = block.grad.numpy()
    np.testing.assert_allclose(
        taught(jnp.array(student)), gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max()
    )


def test_blocks_are_averaged_before_they_are_squared():
    # Averaged: (1, 2), of both maps; squared first, the student's would be (5, 4).
    student = jnp.array([3.0, -1.0, 2.0, 2.0]).reshape(1, 1, 1, 4, 1)
    teacher = jnp.array([1.0, 2.0]).reshape(1, 1, 1, 2, 1)
    np.testing.assert_allclose(losses.attention_transfer(student, teacher), [0.0], atol=1e-12)


def test_small_features_have_the_loss_of_large_ones():
    large = losses.attention_transfer(jnp.array(MAPS), jnp.array(WIDE_MAPS))
    small = losses.attention_transfer(jnp.array(1e-5 * MAPS), jnp.array(1e-5 * WIDE_MAPS))
    np.testing.assert_allclose(small, large, rtol=1e-5)


def test_relational_losses_equal_pytorch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def distances(x):
        d = torch.cdist(x, x)
        return d / d[d > 0].mean()

    def angles(x):
        unit = functional.normalize(x[None] - x[:, None], dim=2)
        return unit @ unit.transpose(1, 2)

    student, teacher = torch.tensor(STUDENT, dtype=torch.double), torch.tensor(WIDE).double()
    for function, reference in (
        (losses.relational_distance, distances),
        (losses.relational_angle, angles),
    ):
        expected = functional.smooth_l1_loss(reference(student), reference(teacher))
        result = function(jnp.array(STUDENT), jnp.array(WIDE)).mean()
        np.testing.assert_allclose(result, expected.item(), rtol=1e-4)


def test_each_example_has_the_angles_of_which_it_is_the_vertex():
    def cosines(x, j):
        """Returns those at j between each i and k, in loops."""
        rows = x - x[j]
        lengths = np.linalg.norm(rows, axis=1)
        inside = np.outer(lengths, lengths)
        return np.divide(rows @ rows.T, inside, out=np.zeros_like(inside), where=inside > 0)

    student, teacher = STUDENT.astype(float), WIDE.astype(float)
    gaps = [np.abs(cosines(student, j) - cosines(teacher, j)) for j in range(5)]
    expected = [np.where(gap <= 1, gap**2 / 2, gap - 0.5).mean() for gap in gaps]
    found = losses.relational_angle(jnp.array(STUDENT), jnp.array(WIDE))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_relational_losses_do_not_see_scale_or_place():
    for function in (losses.relational_distance, losses.relational_angle):
        moved = function(jnp.array(3 * STUDENT + 1), jnp.array(STUDENT))
        np.testing.assert_allclose(moved, np.zeros(5), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "student", "teacher"),
    [
        (losses.mean_squared_error, STUDENT, TEACHER),
        (losses.attention_transfer, MAPS, WIDE_MAPS),
        (losses.attention_transfer, MAPS, WIDE_MAPS[:, :1, :2]),
        (losses.relational_distance, STUDENT, WIDE),
        (losses.relational_angle, STUDENT, WIDE),
    ],
)
def test_gradients(function, student, teacher):
    check_grads(lambda s: function(s, jnp.array(teacher)), (jnp.array(student),), 1, rtol=2e-2)
    taught = jax.grad(lambda t: function(jnp.array(student), t).sum())(jnp.array(teacher))
    np.testing.assert_array_equal(taught, np.zeros_like(teacher))
    # Equal examples and dead channels are common, and must not give NaN.
    zeros = jnp.zeros_like(student)
    assert np.isfinite(jax.grad(lambda s: function(s, jnp.array(teacher)).sum())(zeros)).all()


@pytest.mark.parametrize(
    ("function", "student", "teacher"),
    [
        (losses.mean_squared_error, STUDENT, TEACHER),
        (losses.mean_absolute_error, STUDENT, TEACHER),
        (losses.attention_transfer, MAPS, WIDE_MAPS),
        (losses.relational_distance, STUDENT, WIDE),
        (losses.relational_angle, STUDENT, WIDE),
    ],
)
def test_half_precision_gives_a_float32_loss(function, student, teacher):
    half = [jnp.array(x, jnp.bfloat16) for x in (student, teacher)]
    found = function(*half)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, function(*(x.astype(jnp.float32) for x in half)))


@pytest.mark.parametrize("function", [losses.relational_distance, losses.relational_angle])
def test_an_example_alone_has_no_relation(function):
    alone = jnp.array(STUDENT[:1])
    np.testing.assert_array_equal(function(alone, jnp.array(WIDE[:1])), [0.0])
    gradient = jax.grad(lambda s: function(s, jnp.array(WIDE[:1])).sum())(alone)
    np.testing.assert_array_equal(gradient, np.zeros_like(alone))


def test_align_brings_both_to_the_smaller_size():
    student, teacher = jnp.ones((2, 4, 6, 6, 3)), jnp.ones((2, 8, 3, 3, 5))
    ours, theirs = losses.align(student, teacher)
    assert ours.shape == (2, 4, 3, 3, 3)
    assert theirs.shape == (2, 4, 3, 3, 5)
    np.testing.assert_allclose(ours, jnp.ones_like(ours), rtol=1e-6)


def test_align_averages_what_it_shrinks():
    eight = jnp.arange(8.0).reshape(1, 8, 1, 1, 1)
    four, _ = losses.align(eight, jnp.zeros((1, 4, 1, 1, 1)))
    np.testing.assert_allclose(four.ravel(), [0.5, 2.5, 4.5, 6.5])
    three, _ = losses.align(eight, jnp.zeros((1, 3, 1, 1, 1)))
    np.testing.assert_allclose(three.ravel(), [1, 3.5, 6])  # of 0-2, 2-5 and 5-7


def test_align_leaves_equal_sizes_alone():
    student = jnp.array(MAPS)
    assert losses.align(student, jnp.array(WIDE_MAPS))[0] is student


@pytest.mark.parametrize(
    "function", [losses.mean_squared_error, losses.attention_transfer, losses.relational_distance]
)
def test_mismatched_batches_raise(function):
    shape = (2, 1, 2, 2, 3) if function is losses.attention_transfer else (2, 3)
    with pytest.raises(AssertionError):
        function(jnp.zeros(shape), jnp.zeros((3, *shape[1:])))


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 4, 3)])
@pytest.mark.parametrize("function", [losses.align, losses.attention_transfer])
def test_what_is_no_block_of_a_video_network_raises(function, shape):
    with pytest.raises(AssertionError):
        function(jnp.zeros(shape), jnp.zeros(shape))


def test_examples_in_the_docstrings():
    result = doctest.testmod(features)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_huber_loss_is_linear_from_one_on():
    student, teacher = np.array([[0.0], [0.01], [9.0]]), np.array([[0.0], [5.0], [5.01]])

    def relative(x):
        distances = np.abs(x - x.T)
        return distances / (distances.sum() / 6)

    gap = np.abs(relative(student) - relative(teacher))
    assert gap.max() > 1
    expected = np.where(gap <= 1, gap**2 / 2, gap - 0.5).mean(axis=1)
    found = losses.relational_distance(*(jnp.asarray(x, jnp.float32) for x in (student, teacher)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("function", [losses.relational_distance, losses.relational_angle])
def test_a_teacher_that_is_not_finite_is_not_hidden(function):
    student = jnp.arange(8.0).reshape(4, 2) ** 2
    assert np.isnan(function(student, jnp.full((4, 2), jnp.nan))).any()
