"""The one pure training step that every method shares, and the state that it moves."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax import struct

from vidkd_jax import augment, models
from vidkd_jax.methods import Batch, Context, Memory, Method, Outputs, Taught, Term
from vidkd_jax.networks.network import Network, Variables, student_of
from vidkd_jax.run.optimizer import path_names

# Streams of the run's one key: everything random on the device is a fold_in of one of these.
INIT_STREAM, STEP_STREAM, TEACHER_STREAM, MEMORY_STREAM = 0, 1, 2, 3

# Teachers, or what belongs to them, by the name of their source, such as "frozen".
BySource = Mapping[str, tuple[Any, ...]]


class TrainState(struct.PyTreeNode):
    """Everything that a step changes.

    Attributes:
      step: number of steps done, int32 [].
      variables: the student.
      opt_state: the optimiser's, with the learning rate as a hyper-parameter inside.
      memory: the method's, by name; {} where it has none.
    """

    step: jax.Array
    variables: Variables
    opt_state: optax.OptState
    memory: Memory


def create_variables(
    key: jax.Array, clip_shape: tuple[int, ...], *, model: nn.Module, zero_norms: str = ""
) -> Variables:
    """Returns freshly initialised variables for clips of shape [t, h, w, c] or [n, t, h, w, c].

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
        lambda path, leaf: 0 * leaf if path_names(path)[-2:] == [zero_norms, "scale"] else leaf,
        variables["params"],
    )
    return Variables(params, variables["batch_stats"])


def create_train_state(
    key: jax.Array,
    clip_shape: tuple[int, ...],
    *,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    zero_norms: str = "",
) -> TrainState:
    """Returns the state before the first step, without a memory; `key` is the run's."""
    key = jax.random.fold_in(key, INIT_STREAM)
    variables = create_variables(key, clip_shape, model=model, zero_norms=zero_norms)
    opt_state = jax.jit(optimizer.init)(variables.params)
    return TrainState(jnp.zeros((), jnp.int32), variables, opt_state, {})


def total_loss(terms: Mapping[str, Term]) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the sum of weight * mean over the terms, and each term's mean, unweighted."""
    parts = {name: jnp.mean(term.value) for name, term in terms.items()}
    total = jnp.zeros((), jnp.float32)
    for name, term in terms.items():
        total = total + term.weight * parts[name]
    return total, parts


def ask_teachers(
    teachers: BySource, networks: BySource, views: Mapping[str, jax.Array]
) -> dict[str, tuple[Outputs, ...]]:
    """Returns each teacher's outputs by source, without gradient.

    Each teacher waits for the one before, so that no two hold their activations at a time.

    Args:
      teachers: their variables. A source whose teacher is not there yet is missing.
      networks: of every source; as many as there are variables.
      views: what all of them see, each its own part.
    """
    before: Outputs = {}
    taught: dict[str, tuple[Outputs, ...]] = {}
    for source, pairs in networks.items():
        if source not in teachers:
            continue
        outputs = []
        for network, variables in zip(pairs, teachers[source], strict=True):
            ask = _after(before["features"], network.infer) if before else network.infer
            before = jax.lax.stop_gradient(ask(variables, views))
            outputs.append(before)
        taught[source] = tuple(outputs)
    return taught


def pick_rows(answers: tuple[Outputs, ...], which: jax.Array) -> Outputs:
    """Returns the outputs of networks of one kind, each row [b] from the network that is named.

    Args:
      answers: of the networks, arrays [b, ...] by name.
      which: number of the network for each row, int [b].
    """
    picked = answers[0]
    for number, answer in enumerate(answers):
        picked = jax.tree.map(
            lambda old, new, number=number: jnp.where(
                (which == number).reshape(-1, *(1,) * (old.ndim - 1)), new, old
            ),
            picked,
            answer,
        )
    return picked


def _after(value: jax.Array, function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs `function` only after `value` has been computed.

    On CPU this is a branch on the first number in `value`: if it is NaN, every output is NaN.
    """

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
    teachers: BySource,
    batch: Batch,
    key: jax.Array,
    *,
    student: Network,
    teacher_networks: BySource,
    method: Method,
    optimizer: optax.GradientTransformation,
    teacher_of: np.ndarray | None = None,
    remat: bool = False,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Does one step of the method.

    Args:
      state: the student, its optimiser and the method's memory.
      teachers: variables of the frozen teachers by source; they use running statistics.
      batch: as `vidkd_jax.data.clips` says.
      key: the run's key; the step's own is folded in from it.
      student: the network that trains.
      teacher_networks: of the teachers, and of those that live in the memory, by source.
      method: gives views, loss terms and the next memory.
      optimizer: as made by `create_optimizer`.
      teacher_of: for each training video, which of the trained teachers teaches it, int [videos];
        the method sees them as one. None: all teach all videos.
      remat: keep the convolutions' outputs alone for the backward pass, and compute the rest again.

    Returns:
      The next state, and metrics: "loss", "loss/<term>" and the method's, float32 scalars.
    """
    step_key = jax.random.fold_in(jax.random.fold_in(key, STEP_STREAM), state.step)
    context = Context(step_key, state.step, batch, state.memory)
    views = method.views(step_key, batch)
    in_memory = {s.name: (state.memory[s.name],) for s in method.teachers if s.in_memory}
    taught = ask_teachers({**teachers, **in_memory}, teacher_networks, views)
    if teacher_of is not None:
        which = jnp.asarray(teacher_of)[batch["video"]]
        taught["frozen"] = (pick_rows(taught["frozen"], which),)
    clip = student.see(views)

    def apply(params: Any, clip: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": state.variables.batch_stats}
        return student.model.apply(variables, clip, train=True, mutable=["batch_stats"])

    if remat:
        policy = jax.checkpoint_policies.save_only_these_names(models.CONV_OUTPUT)
        apply = jax.checkpoint(apply, policy=policy)

    def loss_fn(params: Any) -> tuple[jax.Array, tuple[dict[str, jax.Array], Outputs, Taught, Any]]:
        outputs, updated = apply(params, clip)
        own, beside = student.split(outputs)
        all_taught = {**taught, **beside}
        total, parts = total_loss(method.terms(own, all_taught, context))
        return total, (parts, own, all_taught, updated["batch_stats"])

    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (parts, own, all_taught, batch_stats)), grads = gradient_fn(state.variables.params)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.variables.params)
    variables = Variables(optax.apply_updates(state.variables.params, updates), batch_stats)
    memory = method.remember(own, all_taught, context, student_of(variables))
    _check_memory(state.memory, memory)
    metrics = {"loss": loss, **method.metrics(own, all_taught, context)}
    metrics |= {f"loss/{name}": part for name, part in parts.items()}
    return TrainState(state.step + 1, variables, opt_state, memory), metrics


def _check_memory(before: Memory, after: Memory) -> None:
    """Refuses a memory whose names, shapes or types a step changes, while the step is traced.

    Raises:
      ValueError: names the first difference.
    """
    old, new = (
        {
            jax.tree_util.keystr(path): (leaf.shape, leaf.dtype)
            for path, leaf in jax.tree_util.tree_leaves_with_path(dict(memory))
        }
        for memory in (before, after)
    )
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise ValueError(
                f"the method's memory {name} was {old.get(name)} and is {new.get(name)} after "
                "`remember`; keep what `super().remember` returns, and its shapes and types"
            )


def predict_step(
    variables: Variables,
    batch: Batch,
    *,
    network: Network,
    outputs: tuple[str, ...] = ("logits",),
    variants: Callable[[Batch], Mapping[str, jax.Array]] | None = None,
) -> Mapping[str, jax.Array]:
    """Returns named outputs of unaugmented clips, with the batch's label, video and mask.

    Args:
      variables: of the network.
      batch: evaluation clips.
      network: which sees its own part of them.
      outputs: their names.
      variants: what to show instead of the clips, in m ways, `Method.variants`; the outputs are
        [b, m, ...] then, with "possible" beside them where it is given. None: the clips.
    """

    def ask(views: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        own, _ = network.split(network.infer(variables, views))
        return {name: own[name] for name in outputs}

    if variants is None:
        found = ask(augment.plain(batch))
    else:  # one way after the other: no more memory than one takes
        shown = dict(variants(batch))
        possible = shown.pop("possible", None)
        ways = jax.tree.map(lambda clips: jnp.moveaxis(clips, 1, 0), shown)
        found = jax.tree.map(lambda rows: jnp.moveaxis(rows, 0, 1), jax.lax.map(ask, ways))
        if possible is not None:
            found["possible"] = possible
    return {**found, **{name: batch[name] for name in ("label", "video", "mask")}}
