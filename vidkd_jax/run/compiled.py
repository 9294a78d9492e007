"""The compiled programs of a run: its step, and predictions, on all devices."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import numpy as np
import optax

from vidkd_jax.methods import Batch
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.networks.predicting import predict_step
from vidkd_jax.run.asking import BySource
from vidkd_jax.run.state import TrainState
from vidkd_jax.run.teachers import Teachers
from vidkd_jax.run.train_step import train_step
from vidkd_jax.runtime import sharding
from vidkd_jax.settings.settings import Settings

# Maps variables and a host batch to the outputs of the rows of all processes, without waiting until
# they are computed.
Predict = Callable[[Variables, dict[str, np.ndarray]], Mapping[str, jax.Array]]


def compiled_step(
    settings: Settings,
    student: Network,
    teachers: Teachers,
    optimizer: optax.GradientTransformation,
    mesh: jax.sharding.Mesh,
    teacher_of: np.ndarray | None,
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """Returns the compiled step, (state, teachers, batch, key) -> (state, metrics).

    Args:
      settings: of the run.
      student: the network that trains.
      teachers: their networks, by source.
      optimizer: the student's.
      mesh: the devices.
      teacher_of: see `train_step`.
    """

    def step(
        state: TrainState, taught: BySource, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        state, metrics = train_step(
            state,
            taught,
            batch,
            key,
            student=student,
            teacher_networks=teachers.networks,
            method=settings.method,
            optimizer=optimizer,
            teacher_of=teacher_of,
            remat=settings.train.remat,
        )
        if not split_names:
            return state, metrics
        memory = sharding.keep_place(state.memory, split_names, mesh)
        rest, metrics = sharding.keep_copied((state.replace(memory={}), metrics), mesh)
        return rest.replace(memory=memory), metrics

    split_names: Sequence[str] = settings.method.sharded_memory
    out_shardings = None if split_names else sharding.replicated(mesh)
    return jax.jit(step, donate_argnums=0, out_shardings=out_shardings)


def predictor_of(
    network: Network,
    mesh: jax.sharding.Mesh,
    outputs: tuple[str, ...],
    variants: Callable[[Batch], Mapping[str, jax.Array]] | None = None,
) -> Predict:
    """Returns the compiled prediction of named outputs; see `predict_step`."""
    compiled = jax.jit(
        partial(predict_step, network=network, outputs=outputs, variants=variants),
        out_shardings=sharding.replicated(mesh),
    )
    return lambda variables, batch: compiled(variables, sharding.shard(batch, mesh))
