from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import methods
from vidkd_jax.augment import Augment
from vidkd_jax.models import Recogniser
from vidkd_jax.models.resnet3d import BasicBlock, ResNet3D
from vidkd_jax.train_step import (
    Variables,
    create_optimizer,
    create_train_state,
    create_variables,
    predict_step,
    train_step,
)

SHAPE = (4, 12, 12, 3)
KEY = jax.random.key(3)
# Two blocks: the step is the same as a whole network's, and compiles in a second.
MODEL = Recogniser(ResNet3D(stage_sizes=(1, 1), block=BasicBlock, width=4 / 64), {"logits": 3})
OPTIMIZER = create_optimizer(0.1, momentum=0.9, weight_decay=5e-4, nesterov=False)


def batch(seed=0, size=4):
    rng = np.random.default_rng(seed)
    return {
        "clip": jnp.asarray(rng.integers(0, 256, (size, *SHAPE), np.uint8)),
        "label": jnp.asarray(rng.integers(0, 3, size), jnp.int32),
        "video": jnp.arange(size),
        "mask": jnp.ones(size, bool),
    }


def steps(method, teachers=(), count=2, optimizer=OPTIMIZER):
    step = jax.jit(partial(train_step, model=MODEL, method=method, optimizer=optimizer))
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=optimizer)
    for number in range(count):
        state, metrics = step(state, teachers, batch(number), KEY)
    return state, metrics


def method(name="teaching_yourself", augment=None, **options):
    return methods.create(name, augment=augment or Augment(), **options)


@pytest.fixture(scope="module")
def teacher():
    return create_variables(jax.random.key(9), SHAPE, model=MODEL)


def test_kd_weight_zero_is_the_supervised_run_bit_for_bit(teacher):
    ours, _ = steps(method(kd_weight=0.0), (teacher,))
    supervised, _ = steps(method("supervised"))
    chex.assert_trees_all_equal(ours, supervised)


def test_without_a_teacher_there_is_no_kl(teacher):
    first, metrics = steps(method())
    assert set(metrics) == {"loss", "loss/cross_entropy", "top1"}
    chex.assert_trees_all_equal(first, steps(method("supervised"))[0])
    _, metrics = steps(method(), (teacher,))
    assert set(metrics) == {"loss", "loss/cross_entropy", "loss/kl", "top1"}


def test_total_is_the_weighted_sum(teacher):
    _, metrics = steps(method(kd_weight=0.3), (teacher,))
    expected = metrics["loss/cross_entropy"] + 0.3 * metrics["loss/kl"]
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-6)


def test_temperature_squared_multiplies_the_kl(teacher):
    plain = steps(method(temperature=4.0), (teacher,), count=1)[1]
    scaled = steps(method(temperature=4.0, scale_by_temperature_squared=True), (teacher,), count=1)[
        1
    ]
    np.testing.assert_allclose(scaled["loss/kl"], 16 * plain["loss/kl"], rtol=1e-5)


def test_teacher_gets_no_gradient_and_uses_running_statistics(teacher):
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=OPTIMIZER)
    ty = method(kd_weight=1.0)

    def loss(teacher, batch):
        step = train_step(
            state, (teacher,), batch, KEY, model=MODEL, method=ty, optimizer=OPTIMIZER
        )
        return step[1]["loss"]

    grads = jax.jit(jax.grad(loss))(teacher, batch())
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(grads))
    # The teacher's outputs for a clip do not depend on the other clips of the batch.
    whole = predict_step(teacher, batch(), model=MODEL)["logits"]
    alone = predict_step(teacher, {k: v[:1] for k, v in batch().items()}, model=MODEL)["logits"]
    np.testing.assert_allclose(whole[:1], alone, rtol=1e-4, atol=1e-5)
    shifted = teacher.replace(batch_stats=jax.tree.map(lambda s: s + 1.0, teacher.batch_stats))
    assert loss(shifted, batch()) != loss(teacher, batch())


def test_teacher_and_student_see_the_same_view():
    # A teacher equal to the student, in a model whose batch statistics equal the running ones,
    # has KL 0 only if both see the same augmented clip. BatchNorm in eval mode on both sides:
    variables = create_variables(jax.random.key(1), SHAPE, model=MODEL)
    view = method().views(KEY, batch()["clip"])
    outputs = [MODEL.apply(variables.as_dict(), view, train=False) for _ in range(2)]
    terms = method().terms(outputs[0], (outputs[1],), batch())
    np.testing.assert_allclose(terms["kl"].value, 0.0, atol=1e-6)


def test_the_step_moves_everything_that_it_should():
    state, _ = steps(method("supervised"), count=1)
    before = create_train_state(KEY, SHAPE, model=MODEL, optimizer=OPTIMIZER)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), state.variables, before.variables)
    assert all(jax.tree.leaves(moved.params))
    assert all(jax.tree.leaves(moved.batch_stats))
    assert int(state.step) == 1


def test_label_smoothing_reaches_the_loss():
    plain = steps(method("supervised"), count=1)[1]["loss"]
    assert steps(method("supervised", label_smoothing=0.1), count=1)[1]["loss"] != plain


def test_training_learns_a_batch_by_heart():
    optimizer = create_optimizer(0.05, momentum=0.9, weight_decay=0.0, nesterov=False)
    supervised = method("supervised", augment=Augment.none())
    step = jax.jit(partial(train_step, model=MODEL, method=supervised, optimizer=optimizer))
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=optimizer)
    for _ in range(30):
        state, metrics = step(state, (), batch(), KEY)
    assert metrics["loss"] < 0.1 and metrics["top1"] == 1.0


@pytest.mark.parametrize("nesterov", [False, True])
def test_optimizer_is_pytorchs_sgd(nesterov):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=5), rng.normal(size=(4, 5))
    weights = torch.tensor(start, requires_grad=True)
    theirs = torch.optim.SGD([weights], 0.1, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    ours = create_optimizer(0.1, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    params = jnp.asarray(start, jnp.float32)
    state = ours.init(params)
    for grad in grads:
        weights.grad = torch.tensor(grad)
        theirs.step()
        updates, state = ours.update(jnp.asarray(grad, jnp.float32), state, params)
        params = params + updates
    np.testing.assert_allclose(params, weights.detach().numpy(), rtol=1e-5)


def test_learning_rate_is_read_from_the_state():
    state = OPTIMIZER.init(jnp.ones(2))
    state.hyperparams["learning_rate"] = jnp.asarray(0.0)
    updates, _ = OPTIMIZER.update(jnp.ones(2), state, jnp.ones(2))
    assert (updates == 0).all()


def test_variables_are_all_that_a_network_is():
    variables = create_variables(KEY, SHAPE, model=MODEL)
    assert isinstance(variables, Variables)
    assert set(variables.as_dict()) == {"params", "batch_stats"}
