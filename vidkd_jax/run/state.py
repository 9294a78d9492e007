"""The state that a training step moves, and its beginning."""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from vidkd_jax.methods import Memory
from vidkd_jax.networks.network import Variables
from vidkd_jax.run.optimizer import path_names

# Streams of the run's one key: everything random on the device is a fold_in of one of these.
INIT_STREAM, STEP_STREAM, TEACHER_STREAM, MEMORY_STREAM = 0, 1, 2, 3


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
    # On processors LLVM's -O3 spends minutes on the unrolled random generators of a network's
    # initialisers (on two cores 45 s for R3D-18, against 3 s), for a function that runs once.
    on_cpu = jax.default_backend() == "cpu"
    init = jax.jit(
        lambda key: model.init(key, jnp.zeros((1, *clip_shape)), train=False),
        compiler_options={"xla_backend_optimization_level": 1} if on_cpu else None,
    )
    variables = init(key)
    params = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 0 * leaf if path_names(path)[-2:] == [zero_norms, "scale"] else leaf,
        variables["params"],
    )
    return Variables(params, variables.get("batch_stats", {}))


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
