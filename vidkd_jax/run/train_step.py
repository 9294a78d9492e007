"""The one pure training step that every method shares."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vidkd_jax import models
from vidkd_jax.methods import Batch, Context, Memory, Method, Outputs, Taught, Term
from vidkd_jax.networks.network import Network, Variables, student_of
from vidkd_jax.run.asking import BySource, ask_teachers, in_memory, pick_rows
from vidkd_jax.run.state import STEP_STREAM, TrainState
from vidkd_jax.runtime.materialise import materialise_on_cpu


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

    Raises:
      ValueError: a term is not one number for each video or clip, or `Method.remember` changes the
        memory's names, shapes or dtypes.
    """
    step_key = jax.random.fold_in(jax.random.fold_in(key, STEP_STREAM), state.step)
    context = Context(step_key, state.step, batch, state.memory)
    views = {
        name: materialise_on_cpu(view, state.step < 0)  # several networks see it, perhaps resized
        for name, view in method.views(step_key, batch).items()
    }
    known = {**teachers, **in_memory(method.teachers, state.memory)}
    taught = ask_teachers(known, teacher_networks, views)
    if teacher_of is not None:
        which = jnp.asarray(teacher_of)[batch["video"]]
        taught["frozen"] = (pick_rows(taught["frozen"], which),)
    forward, clip = _forward(student, state.variables.batch_stats, remat), student.see(views)

    def loss_fn(params: Any) -> tuple[jax.Array, _Seen]:
        outputs, updated = forward(params, clip)
        own, beside = student.split(outputs)
        all_taught = {**taught, **beside}
        terms = method.terms(own, all_taught, context)
        _check_terms(terms, clip.shape[:-4])
        total, parts = total_loss(terms)
        return total, _Seen(parts, own, all_taught, updated.get("batch_stats", {}))

    params = state.variables.params
    (loss, seen), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = optimizer.update(grads, state.opt_state, params)
    variables = Variables(optax.apply_updates(params, updates), seen.batch_stats)
    memory = method.remember(seen.own, seen.taught, context, student_of(variables))
    _check_memory(state.memory, memory)
    metrics = {"loss": loss, **method.metrics(seen.own, seen.taught, context)}
    metrics |= {f"loss/{name}": part for name, part in seen.parts.items()}
    return TrainState(state.step + 1, variables, opt_state, memory), metrics


class _Seen(NamedTuple):
    """What a step computes on the way to its loss."""

    parts: dict[str, jax.Array]
    own: Outputs
    taught: Taught
    batch_stats: Any


def _forward(student: Network, batch_stats: Any, remat: bool) -> Callable[..., Any]:
    """Returns (params, clip) -> (outputs, updated statistics) of the student in training."""

    def forward(params: Any, clip: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": batch_stats}
        return student.model.apply(variables, clip, train=True, mutable=["batch_stats"])

    if not remat:
        return forward
    policy = jax.checkpoint_policies.save_only_these_names(models.CONV_OUTPUT)
    return jax.checkpoint(forward, policy=policy)


def _check_terms(terms: Mapping[str, Term], clips: tuple[int, ...]) -> None:
    """Refuses a term that is not one number for each video or clip, while the step is traced.

    Of another shape, as by comparing [b, 1] with [b], its mean would be of something else.

    Args:
      terms: by name.
      clips: (b,), or (b, n) where the student sees n clips of each video.

    Raises:
      ValueError: names the term.
    """
    for name, term in terms.items():
        if (shape := jnp.shape(term.value)) not in (clips[:1], clips):
            raise ValueError(
                f"the method's term '{name}' has the shape {shape}: must be one number "
                f"for each video of the batch, {clips[:1]}, or for each clip"
            )


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
