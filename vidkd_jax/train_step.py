"""The one pure training step that every method shares, and the state that it moves."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from vidkd_jax import augment
from vidkd_jax.methods import Batch, Method, Outputs

# Streams of the run's one key: everything random on the device is a fold_in of one of these.
INIT_STREAM, STEP_STREAM, TEACHER_STREAM = 0, 1, 2


class Variables(struct.PyTreeNode):
    """A network's parameters and BatchNorm statistics: all that a frozen teacher is."""

    params: Any
    batch_stats: Any

    def as_dict(self) -> dict[str, Any]:
        """Returns Flax's dictionary of collections."""
        return {"params": self.params, "batch_stats": self.batch_stats}


class TrainState(struct.PyTreeNode):
    """Everything that a step changes.

    Attributes:
      step: number of steps done, int32 [].
      variables: the student.
      opt_state: the optimiser's, with the learning rate as a hyper-parameter inside.
    """

    step: jax.Array
    variables: Variables
    opt_state: optax.OptState


def create_optimizer(
    learning_rate: float, *, momentum: float, weight_decay: float, nesterov: bool
) -> optax.GradientTransformation:
    """Returns SGD with PyTorch's coupled weight decay on all parameters.

    The learning rate is a hyper-parameter of the optimiser's state, so that a schedule may set it
    between epochs without compiling again.
    """

    def sgd(learning_rate: float) -> optax.GradientTransformation:
        return optax.chain(
            optax.add_decayed_weights(weight_decay),
            optax.sgd(learning_rate, momentum=momentum or None, nesterov=nesterov),
        )

    return optax.inject_hyperparams(sgd)(learning_rate=learning_rate)


def create_variables(key: jax.Array, clip_shape: tuple[int, ...], *, model: nn.Module) -> Variables:
    """Returns freshly initialised variables for clips of shape [t, h, w, c]."""
    # LLVM's -O3 spends minutes on the unrolled random generators of a network's initialisers (on
    # two CPU cores 45 s for R3D-18, against 3 s), for a function that runs once.
    quickly = {"xla_backend_optimization_level": 1}
    init = jax.jit(
        lambda key: model.init(key, jnp.zeros((1, *clip_shape)), train=False),
        compiler_options=quickly,
    )
    variables = init(key)
    return Variables(variables["params"], variables["batch_stats"])


def create_train_state(
    key: jax.Array,
    clip_shape: tuple[int, ...],
    *,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
) -> TrainState:
    """Returns the state before the first step; `key` is the run's."""
    variables = create_variables(jax.random.fold_in(key, INIT_STREAM), clip_shape, model=model)
    opt_state = jax.jit(optimizer.init)(variables.params)
    return TrainState(jnp.zeros((), jnp.int32), variables, opt_state)


def infer(variables: Variables, clip: jax.Array, *, model: nn.Module) -> Outputs:
    """Returns the outputs for float clips [b, t, h, w, c], with running statistics."""
    outputs: Any = model.apply(variables.as_dict(), clip, train=False)
    return outputs


def total_loss(
    student: Outputs, teachers: tuple[Outputs, ...], batch: Batch, *, method: Method
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the weighted sum of the method's terms, and each term's mean before weighting."""
    terms = method.terms(student, teachers, batch)
    parts = {name: jnp.mean(term.value) for name, term in terms.items()}
    total = sum(term.weight * parts[name] for name, term in terms.items())
    return jnp.asarray(total), parts


def train_step(
    state: TrainState,
    teachers: tuple[Variables, ...],
    batch: Batch,
    key: jax.Array,
    *,
    model: nn.Module,
    method: Method,
    optimizer: optax.GradientTransformation,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Does one step of the method.

    Args:
      state: the student and its optimiser.
      teachers: frozen networks of the student's architecture; they use running statistics.
      batch: "clip" uint8 [b, t, h, w, 3], "label" int32 [b].
      key: the run's key; the step's own is folded in from it.
      model: the student's network.
      method: gives views and loss terms.
      optimizer: as made by `create_optimizer`.

    Returns:
      The next state, and metrics: "loss", "loss/<term>" and "top1", float32 scalars.
    """
    step_key = jax.random.fold_in(jax.random.fold_in(key, STEP_STREAM), state.step)
    view = method.views(step_key, batch["clip"])
    taught = tuple(jax.lax.stop_gradient(infer(teacher, view, model=model)) for teacher in teachers)

    def loss_fn(params: Any) -> tuple[jax.Array, tuple[dict[str, jax.Array], Outputs, Any]]:
        variables = {"params": params, "batch_stats": state.variables.batch_stats}
        student, updated = model.apply(variables, view, train=True, mutable=["batch_stats"])
        total, parts = total_loss(student, taught, batch, method=method)
        return total, (parts, student, updated["batch_stats"])

    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (parts, student, batch_stats)), grads = gradient_fn(state.variables.params)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.variables.params)
    params = optax.apply_updates(state.variables.params, updates)
    top1 = jnp.mean(jnp.argmax(student["logits"], axis=-1) == batch["label"])
    metrics = {"loss": loss, "top1": top1, **{f"loss/{name}": part for name, part in parts.items()}}
    return TrainState(state.step + 1, Variables(params, batch_stats), opt_state), metrics


def predict_step(
    variables: Variables, batch: Batch, *, model: nn.Module
) -> Mapping[str, jax.Array]:
    """Returns `logits` [b, k] of unaugmented clips, with the batch's label, video and mask."""
    outputs = infer(variables, augment.normalise(batch["clip"]), model=model)
    return {
        "logits": outputs["logits"],
        **{name: batch[name] for name in ("label", "video", "mask")},
    }
