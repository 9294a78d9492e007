"""The one pure training step that every method shares, and the state that it moves."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from vidkd_jax import augment, models
from vidkd_jax.methods import Batch, Method, Outputs
from vidkd_jax.networks.network import Network, Variables

# Streams of the run's one key: everything random on the device is a fold_in of one of these.
INIT_STREAM, STEP_STREAM, TEACHER_STREAM = 0, 1, 2


class TrainState(struct.PyTreeNode):
    """Everything that a step changes.

    Attributes:
      step: number of steps done, int32 [].
      variables: the student.
      opt_state: the optimiser's, with the learning rate as a hyper-parameter inside.
      average: the moving average of the student, where that is its teacher; else ().
    """

    step: jax.Array
    variables: Variables
    opt_state: optax.OptState
    average: Variables | tuple[()] = ()


def create_optimizer(
    learning_rate: float,
    *,
    name: str = "sgd",
    momentum: float,
    weight_decay: float,
    nesterov: bool,
    decay_on: str = "all",
) -> optax.GradientTransformation:
    """Returns SGD with PyTorch's coupled weight decay, or AdamW (Loshchilov & Hutter 2019).

    AdamW's first moment decays by `momentum`; its second by 0.999, and its epsilon is 1e-8.
    `nesterov` is SGD's. `decay_on` is "all" parameters, or "kernels" but those of shortcuts, as in
    TY's released code.

    The learning rate is a hyper-parameter of the optimiser's state, so that a schedule may set it
    between epochs without compiling again.
    """
    mask = _is_kernel if decay_on == "kernels" else None

    def sgd(learning_rate: float) -> optax.GradientTransformation:
        return optax.chain(
            optax.add_decayed_weights(weight_decay, mask),
            optax.sgd(learning_rate, momentum=momentum or None, nesterov=nesterov),
        )

    def adamw(learning_rate: float) -> optax.GradientTransformation:
        return optax.adamw(learning_rate, b1=momentum, weight_decay=weight_decay, mask=mask)

    return optax.inject_hyperparams({"sgd": sgd, "adamw": adamw}[name])(learning_rate=learning_rate)


def _is_kernel(params: Any) -> Any:
    """Returns a tree of bools: kernels, but those of shortcuts."""

    def decays(path: Any, leaf: Any) -> bool:
        del leaf
        names = _names(path)
        in_shortcut = any("shortcut" in name or "downsample" in name for name in names)
        return names[-1] == "kernel" and not in_shortcut

    return jax.tree_util.tree_map_with_path(decays, params)


def _names(path: Any) -> list[str]:
    """Returns the names on the way to a leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/").split("/")


def create_variables(
    key: jax.Array, clip_shape: tuple[int, ...], *, model: nn.Module, zero_norms: str = ""
) -> Variables:
    """Returns freshly initialised variables for clips of shape [t, h, w, c].

    The scales of norms named `zero_norms` begin at 0 instead of 1.
    """
    # LLVM's -O3 spends minutes on the unrolled random generators of a network's initialisers (on
    # two CPU cores 45 s for R3D-18, against 3 s), for a function that runs once.
    quickly = {"xla_backend_optimization_level": 1}
    init = jax.jit(
        lambda key: model.init(key, jnp.zeros((1, *clip_shape)), train=False),
        compiler_options=quickly,
    )
    variables = init(key)
    params = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 0 * leaf if _names(path)[-2:] == [zero_norms, "scale"] else leaf,
        variables["params"],
    )
    return Variables(params, variables["batch_stats"])


def create_train_state(
    key: jax.Array,
    clip_shape: tuple[int, ...],
    *,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    moving_average: bool = False,
    zero_norms: str = "",
) -> TrainState:
    """Returns the state before the first step; `key` is the run's."""
    key = jax.random.fold_in(key, INIT_STREAM)
    variables = create_variables(key, clip_shape, model=model, zero_norms=zero_norms)
    opt_state = jax.jit(optimizer.init)(variables.params)
    # A copy: the state is donated to the step, and a buffer can be donated once.
    average = jax.tree.map(jnp.copy, variables) if moving_average else ()
    return TrainState(jnp.zeros((), jnp.int32), variables, opt_state, average)


def total_loss(
    student: Outputs, teachers: tuple[Outputs, ...], batch: Batch, *, method: Method
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the weighted sum of the method's terms, and each term's mean before weighting."""
    terms = method.terms(student, teachers, batch)
    parts = {name: jnp.mean(term.value) for name, term in terms.items()}
    total = sum(term.weight * parts[name] for name, term in terms.items())
    return jnp.asarray(total), parts


def ask_teachers(
    teachers: tuple[Variables, ...], networks: tuple[Network, ...], views: Mapping[str, jax.Array]
) -> tuple[Outputs, ...]:
    """Returns each teacher's outputs, without gradient.

    Each waits for the one before, so that no two teachers' activations are held at a time.
    """
    outputs: list[Outputs] = []
    for teacher, network in zip(teachers, networks, strict=False):  # fewer before a promotion
        ask = _after(outputs[-1]["logits"], network.infer) if outputs else network.infer
        outputs.append(jax.lax.stop_gradient(ask(teacher, views)))
    return tuple(outputs)


def _after(value: jax.Array, function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, computed only once `value` is there; NaN where that begins with NaN."""

    def on_cpu(*arguments: Any) -> Any:
        # XLA's CPU backend drops the barrier before it decides on the order; a branch stays.
        shapes = jax.eval_shape(function, *arguments)
        nan = jax.tree.map(lambda shape: jnp.full(shape.shape, jnp.nan, shape.dtype), shapes)
        return jax.lax.cond(jnp.isnan(value.ravel()[0]), lambda *_: nan, function, *arguments)

    def elsewhere(*arguments: Any) -> Any:
        arguments, _ = jax.lax.optimization_barrier((arguments, value))
        return function(*arguments)

    return lambda *arguments: jax.lax.platform_dependent(*arguments, cpu=on_cpu, default=elsewhere)


def train_step(
    state: TrainState,
    teachers: tuple[Variables, ...],
    batch: Batch,
    key: jax.Array,
    *,
    student: Network,
    teacher_networks: tuple[Network, ...] = (),
    method: Method,
    optimizer: optax.GradientTransformation,
    remat: bool = False,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Does one step of the method.

    Args:
      state: the student and its optimiser.
      teachers: frozen; they use running statistics.
      batch: "clip" uint8 [b, t, h, w, c] and perhaps "flow" [b, t, h, w, 2], "label" int32 [b].
      key: the run's key; the step's own is folded in from it.
      student: the network that trains.
      teacher_networks: of the teachers, in their order, then of the student's moving average.
      method: gives views and loss terms.
      optimizer: as made by `create_optimizer`.
      remat: keep the convolutions' outputs alone for the backward pass, and compute the rest again.

    Returns:
      The next state, and metrics: "loss", "loss/<term>" and "top1", float32 scalars.
    """
    step_key = jax.random.fold_in(jax.random.fold_in(key, STEP_STREAM), state.step)
    views = method.views(step_key, batch)
    averages = (state.average,) if isinstance(state.average, Variables) else ()
    taught = ask_teachers((*teachers, *averages), teacher_networks, views)
    clip = student.see(views)

    def apply(params: Any, clip: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": state.variables.batch_stats}
        return student.model.apply(variables, clip, train=True, mutable=["batch_stats"])

    if remat:
        policy = jax.checkpoint_policies.save_only_these_names(models.CONV_OUTPUT)
        apply = jax.checkpoint(apply, policy=policy)

    def loss_fn(params: Any) -> tuple[jax.Array, tuple[dict[str, jax.Array], Outputs, Any]]:
        outputs, updated = apply(params, clip)
        total, parts = total_loss(outputs, taught, batch, method=method)
        return total, (parts, outputs, updated["batch_stats"])

    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (parts, outputs, batch_stats)), grads = gradient_fn(state.variables.params)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.variables.params)
    variables = Variables(optax.apply_updates(state.variables.params, updates), batch_stats)
    top1 = jnp.mean(jnp.argmax(outputs["logits"], axis=-1) == batch["label"])
    metrics = {"loss": loss, "top1": top1, **{f"loss/{name}": part for name, part in parts.items()}}
    # From the plain mean of all so far on: no share of the random first weights stays for long.
    decay = jnp.minimum(method.moving_average, 1 - 1 / (state.step + 1))
    average = move_average(state.average, variables, decay=decay)
    return TrainState(state.step + 1, variables, opt_state, average), metrics


def move_average(
    average: Variables | tuple[()], variables: Variables, *, decay: jax.Array
) -> Variables | tuple[()]:
    """Returns decay * average + (1 - decay) * variables; () where there is none."""
    if not isinstance(average, Variables):
        return ()
    moved: Variables = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new, average, variables
    )
    return moved


def predict_step(
    variables: Variables, batch: Batch, *, network: Network
) -> Mapping[str, jax.Array]:
    """Returns `logits` [b, k] of unaugmented clips, with the batch's label, video and mask."""
    views = {name: augment.normalise(batch[name]) for name in ("clip", "flow") if name in batch}
    return {
        "logits": network.infer(variables, views)["logits"],
        **{name: batch[name] for name in ("label", "video", "mask")},
    }
