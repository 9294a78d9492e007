import dataclasses
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax import methods
from vidkd_jax.augment import Augment
from vidkd_jax.models import CONV_OUTPUT, Head, Peers, Recogniser
from vidkd_jax.models.resnet3d import BasicBlock, ResNet3D
from vidkd_jax.networks.network import Network
from vidkd_jax.networks.predicting import predict_step
from vidkd_jax.run.asking import ask_teachers
from vidkd_jax.run.optimizer import create_optimizer
from vidkd_jax.run.state import create_train_state, create_variables
from vidkd_jax.run.train_step import train_step
from vidkd_jax.settings.settings import OptimSettings

SHAPE = (4, 12, 12, 3)
KEY = jax.random.key(3)
RNG = np.random.default_rng(5)
# Two blocks: the step is the same as a whole network's, and compiles in a second.
MODEL = Recogniser(
    ResNet3D(stage_sizes=(1, 1), block=BasicBlock, width=4 / 64), {"logits": Head(3)}
)
STUDENT = Network(MODEL)
OPTIMIZER = create_optimizer(OptimSettings(learning_rate=0.1))


def batch(seed=0, size=4):
    rng = np.random.default_rng(seed)
    return {
        "clip": jnp.asarray(rng.integers(0, 256, (size, 1, *SHAPE), np.uint8)),
        "label": jnp.asarray(rng.integers(0, 3, size), jnp.int32),
        "video": jnp.arange(size),
        "mask": jnp.ones(size, bool),
    }


def steps(
    method, teachers=None, count=2, optimizer=OPTIMIZER, student=STUDENT, networks=None, remat=False
):
    """Runs steps of a method whose teachers all have the architecture of the student."""
    names = [source.name for source in method.teachers if source.name != "peer"]
    step = jax.jit(
        partial(
            train_step,
            student=student,
            teacher_networks=networks or {name: (STUDENT,) for name in names},
            method=method,
            optimizer=optimizer,
            remat=remat,
        )
    )
    state = first_state(method, student, optimizer)
    for number in range(count):
        state, metrics = step(state, teachers or {}, batch(number), KEY)
    return state, metrics


def first_state(method, student=STUDENT, optimizer=OPTIMIZER):
    state = create_train_state(KEY, SHAPE, model=student.model, optimizer=optimizer)
    sizes = methods.Sizes(KEY, state.variables, {}, (), num_videos=4)
    return state.replace(memory=method.init_memory(sizes))


def method(name="teaching_yourself", augment=None, **options):
    return methods.create(name, augment=augment or Augment(), **options)


class _Pooled(nn.Module):
    """Averages pixels over time. It has an unused statistic, because `Variables` needs one."""

    @nn.compact
    def __call__(self, clip, *, train):
        self.variable("batch_stats", "unused", lambda: jnp.zeros(1))
        return clip.mean(1).reshape(len(clip), -1)


@pytest.fixture(scope="module")
def teacher():
    return create_variables(jax.random.key(9), SHAPE, model=MODEL)


def test_kd_weight_zero_is_the_supervised_run_bit_for_bit(teacher):
    ours, _ = steps(method(kd_weight=0.0), {"best": (teacher,)})
    supervised, _ = steps(method("supervised"))
    chex.assert_trees_all_equal(ours, supervised)


def test_without_a_teacher_there_is_no_kl(teacher):
    first, metrics = steps(method())
    assert set(metrics) == {"loss", "loss/cross_entropy", "top1"}
    chex.assert_trees_all_equal(first, steps(method("supervised"))[0])
    _, metrics = steps(method(), {"best": (teacher,)})
    assert set(metrics) == {"loss", "loss/cross_entropy", "loss/kl", "top1"}


def test_total_is_the_weighted_sum(teacher):
    _, metrics = steps(method(kd_weight=0.3), {"best": (teacher,)})
    expected = metrics["loss/cross_entropy"] + 0.3 * metrics["loss/kl"]
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-6)


def test_temperature_squared_multiplies_the_kl(teacher):
    squared = method(temperature=4.0, scale_by_temperature_squared=True)
    plain, scaled = (
        steps(m, {"best": (teacher,)}, count=1)[1] for m in (method(temperature=4.0), squared)
    )
    np.testing.assert_allclose(scaled["loss/kl"], 16 * plain["loss/kl"], rtol=1e-5)


def test_teacher_gets_no_gradient_and_uses_running_statistics(teacher):
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=OPTIMIZER)
    ty = method(kd_weight=1.0)

    def loss(teacher, batch):
        step = train_step(
            state,
            {"best": (teacher,)},
            batch,
            KEY,
            student=STUDENT,
            teacher_networks={"best": (STUDENT,)},
            method=ty,
            optimizer=OPTIMIZER,
        )
        return step[1]["loss"]

    grads = jax.jit(jax.grad(loss))(teacher, batch())
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(grads))
    loss, predict = jax.jit(loss), jax.jit(partial(predict_step, network=STUDENT))
    # The teacher's outputs for a clip do not depend on the other clips of the batch.
    whole = predict(teacher, batch())["logits"]
    alone = predict(teacher, {k: v[:1] for k, v in batch().items()})["logits"]
    np.testing.assert_allclose(whole[:1], alone, rtol=1e-4, atol=1e-5)
    shifted = teacher.replace(batch_stats=jax.tree.map(lambda s: s + 1.0, teacher.batch_stats))
    assert loss(shifted, batch()) != loss(teacher, batch())


def test_teacher_and_student_see_the_same_view():
    """A network without BatchNorm that teaches itself has KL 0 only if both see the same view."""
    model = Recogniser(_Pooled(), {"logits": Head(3)})
    network = Network(model)
    state = create_train_state(KEY, SHAPE, model=model, optimizer=OPTIMIZER)
    ty = method(kd_weight=1.0, temperature=1.0)
    _, metrics = train_step(
        state,
        {"best": (state.variables,)},
        batch(),
        KEY,
        student=network,
        teacher_networks={"best": (network,)},
        method=ty,
        optimizer=OPTIMIZER,
    )
    np.testing.assert_allclose(metrics["loss/kl"], 0.0, atol=1e-6)
    views = [ty.views(jax.random.key(seed), batch())["clip"] for seed in (1, 2)]
    assert np.abs(views[0] - views[1]).max() > 0.1  # other views would differ


def test_the_moving_average_follows_the_student_and_teaches():
    """The average starts as the mean of the students so far, not as the initial weights."""
    average = method("moving_average", ema_decay=0.6, kd_weight=1.0)
    (first, metrics), (second, _), (third, _) = (steps(average, count=n) for n in (1, 2, 3))
    chex.assert_trees_all_equal(first.memory["average"], first.variables)
    half = jax.tree.map(lambda a, b: (a + b) / 2, first.variables, second.variables)
    chex.assert_trees_all_close(second.memory["average"], half, rtol=1e-5)
    mixed = jax.tree.map(lambda a, b: 0.6 * a + 0.4 * b, half, third.variables)
    chex.assert_trees_all_close(third.memory["average"], mixed, rtol=1e-5, atol=1e-7)
    assert metrics["loss/kl"] > 0  # running statistics differ from batch statistics


def test_peers_start_apart_and_both_learn():
    peers = Network(Peers.of(MODEL))
    mutual = method("mutual_learning", kd_weight=1.0, temperature=1.0)
    state, metrics = steps(mutual, count=1, student=peers)
    before = create_train_state(KEY, SHAPE, model=peers.model, optimizer=OPTIMIZER)
    first, second = before.variables.params["student"], before.variables.params["peer"]
    chex.assert_trees_all_equal_shapes(first, second)  # each has its own backbone
    kernels = [leaf for leaf in jax.tree.leaves(first) if leaf.ndim > 1]
    others = [leaf for leaf in jax.tree.leaves(second) if leaf.ndim > 1]
    assert all((a != b).any() for a, b in zip(kernels, others, strict=True))
    moved = jax.tree.map(
        lambda a, b: bool((a != b).any()), state.variables.params, before.variables.params
    )
    assert all(jax.tree.leaves(moved))
    assert {"loss/kl", "loss/peer_kl", "loss/peer_cross_entropy"} <= set(metrics)


def test_a_teacher_sees_its_own_frames_at_its_own_size(teacher):
    """A batch holds 8 frames of 24x24; this network sees every other frame, at 12x12."""
    large = {**batch(), "clip": jnp.asarray(RNG.integers(0, 256, (4, 1, 8, 24, 24, 3), np.uint8))}
    views = method(augment=Augment.none()).views(KEY, large)
    own = Network(MODEL, frames=(0, 2, 4, 6), size=12)
    expected = jax.image.resize(views["clip"][:, 0, ::2], (4, 4, 12, 12, 3), "linear")
    np.testing.assert_array_equal(own.see(views), expected)
    assert own.infer(teacher, views)["logits"].shape == (4, 3)
    logits = predict_step(teacher, large, network=own)["logits"]
    np.testing.assert_allclose(logits, own.infer(teacher, views)["logits"], rtol=1e-5)


def test_two_teachers_hold_the_activations_of_one(teacher):
    """Teachers run one after the other, so more teachers add parameters but no activations."""
    views = {"clip": jnp.zeros((16, 1, 4, 32, 32, 3))}

    def memory(count):
        function = jax.jit(
            lambda views, *teachers: ask_teachers(
                {"frozen": teachers}, {"frozen": (STUDENT,) * count}, views
            )
        )
        compiled = function.lower(views, *(teacher,) * count).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    one = memory(1)
    assert one > 16 * 4 * 16 * 16 * 4 * 4  # at least the output of the stem
    assert memory(3) < 1.1 * one


def traced_distillation(teachers, batch):
    """Returns a traced, uncompiled step that learns from the soft targets of these teachers."""
    step = partial(
        train_step,
        student=STUDENT,
        teacher_networks={"frozen": (STUDENT,) * len(teachers)},
        method=method("distillation", augment=Augment.none()),
        optimizer=OPTIMIZER,
    )
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=OPTIMIZER)
    return jax.jit(step, donate_argnums=0).trace(state, {"frozen": teachers}, batch, KEY)


def test_a_step_with_three_teachers_holds_no_more_than_with_two(teacher):
    """Only one teacher's activations are in memory at a time, so a third teacher adds none."""
    clip = jnp.zeros((16, 1, 4, 32, 32, 3), jnp.uint8)
    many = {"clip": clip, "label": jnp.zeros(16, jnp.int32)}

    def memory(count):
        compiled = traced_distillation((teacher,) * count, many).lower().compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert memory(3) < 1.02 * memory(2)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_step_lowers_for_accelerators_with_a_barrier_between_teachers(teacher, platform):
    """Lowering can be tested without the accelerator itself."""

    def lowered(*teachers):
        traced = traced_distillation(teachers, batch())
        return traced.lower(lowering_platforms=(platform,)).as_text()

    assert "optimization_barrier" in lowered(teacher, teacher)
    assert "optimization_barrier" not in lowered(teacher)


def test_several_teachers_answer_as_each_alone(teacher):
    other = create_variables(jax.random.key(10), SHAPE, model=MODEL)
    views = method().views(KEY, batch())
    networks = {"frozen": (STUDENT, STUDENT)}
    ask = jax.jit(lambda *pair: ask_teachers({"frozen": pair}, networks, views)["frozen"])
    both = ask(teacher, other)
    for outputs, variables in zip(both, (teacher, other), strict=True):
        alone = STUDENT.infer(variables, views)
        np.testing.assert_allclose(outputs["logits"], alone["logits"], rtol=1e-4, atol=1e-5)


def test_the_step_moves_everything_that_it_should():
    state, _ = steps(method("supervised"), count=1)
    before = create_train_state(KEY, SHAPE, model=MODEL, optimizer=OPTIMIZER)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), state.variables, before.variables)
    assert all(jax.tree.leaves(moved.params))
    assert all(jax.tree.leaves(moved.batch_stats))
    assert int(state.step) == 1


@dataclasses.dataclass(frozen=True)
class _Drawing(methods.Supervised):
    """Logs what a method draws with the step's key."""

    def metrics(self, student, teachers, context):
        return {"drawn": jax.random.uniform(context.key)}


def test_every_step_has_a_key_of_its_own():
    drawn = [steps(_Drawing(Augment.none()), count=n)[1]["drawn"] for n in (1, 2, 2)]
    assert drawn[0] != drawn[1] == drawn[2]


def test_label_smoothing_reaches_the_loss():
    plain = steps(method("supervised"), count=1)[1]["loss"]
    assert steps(method("supervised", label_smoothing=0.1), count=1)[1]["loss"] != plain


def test_training_learns_a_batch_by_heart():
    optimizer = create_optimizer(OptimSettings(learning_rate=0.05, weight_decay=0.0))
    supervised = method("supervised", augment=Augment.none())
    step = jax.jit(
        partial(
            train_step,
            student=STUDENT,
            teacher_networks={},
            method=supervised,
            optimizer=optimizer,
        )
    )
    state = create_train_state(KEY, SHAPE, model=MODEL, optimizer=optimizer)
    for _ in range(30):
        state, metrics = step(state, {}, batch(), KEY)
    assert metrics["loss"] < 0.1 and metrics["top1"] == 1.0


def test_fresh_variables_are_a_function_of_the_key():
    first, again, other = (
        create_variables(jax.random.key(k), SHAPE, model=MODEL) for k in (1, 1, 2)
    )
    chex.assert_trees_all_equal(first, again)
    kernels = [
        (a, b)
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True)
        if a.ndim > 1
    ]
    assert kernels and all((a != b).all() for a, b in kernels)


def test_remat_changes_no_gradient():
    plain, again = (steps(method("supervised"), count=1, remat=remat)[0] for remat in (False, True))
    chex.assert_trees_all_close(plain.variables, again.variables, rtol=1e-4, atol=1e-5)


def test_remat_keeps_only_what_convolutions_give():
    variables = create_variables(KEY, SHAPE, model=MODEL).as_dict()
    clip = jnp.zeros((16, *SHAPE))

    def kept(function):
        """Returns the bytes kept for the backward pass, without parameters and clips."""
        _, backward = jax.vjp(function, variables["params"])
        given = sum(leaf.nbytes for leaf in jax.tree.leaves((variables["params"], clip)))
        return sum(leaf.nbytes for leaf in jax.tree.leaves(backward)) - given

    def apply(params):
        collections = {**variables, "params": params}
        return MODEL.apply(collections, clip, train=True, mutable=["batch_stats"])[0]["logits"]

    policy = jax.checkpoint_policies.save_only_these_names(CONV_OUTPUT)
    assert kept(jax.checkpoint(apply, policy=policy)) < 0.5 * kept(apply)


@dataclasses.dataclass(frozen=True)
class _Crossed(methods.Supervised):
    """A method with the usual slip: [b, 1] beside [b] is [b, b]."""

    def terms(self, student, teachers, context):
        top = student["logits"].max(axis=-1, keepdims=True)
        return {"own": methods.Term(1.0, top - context.batch["label"])}


def test_a_term_of_another_shape_is_named():
    with pytest.raises(ValueError, match=r"term 'own' has the shape \(4, 4\).*\(4,\)"):
        steps(_Crossed(Augment.none()), count=1)
