"""The one pure training step that every method shares."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vidkd_jax import models
from vidkd_jax.methods import Batch, Context, Memory, Method, Outputs, Taught, Term
from vidkd_jax.networks.network import Network, Variables, student_of
from vidkd_jax.run.asking import BySource, ask_teachers, pick_rows
from vidkd_jax.run.state import STEP_STREAM, TrainState


def total_loss(terms: Mapping[str, Term]) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the sum of weight * mean over the terms, and each term's mean, unweighted."""
    parts = {name: jnp.mean(term.value) for name, term in terms.items()}
    total = jnp.zeros((), jnp.float32)
    for name, term in terms.items():
        total = total + term.weight * parts[name]
    return total, parts


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
