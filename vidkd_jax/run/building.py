"""From a config to the parts of a run."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from vidkd_jax import data, methods, models
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.run import init_from, inputs, workdir
from vidkd_jax.run import teachers as teachers_lib
from vidkd_jax.run.train_step import (
    TEACHER_STREAM,
    TrainState,
    create_optimizer,
    create_train_state,
    create_variables,
    predict_step,
    train_step,
)
from vidkd_jax.runtime import sharding
from vidkd_jax.settings import config_checks
from vidkd_jax.settings.config import augmentation

# From variables and a host batch to outputs of all processes' rows, which it does not wait for.
Predict = Callable[[Variables, dict[str, np.ndarray]], Mapping[str, jax.Array]]


@dataclasses.dataclass(frozen=True)
class Run:
    """The parts of a run, built once from its config.

    Attributes:
      config: locked and validated.
      splits: the videos.
      train_batches: endless, checkpointable.
      spec: of the clips.
      student: the network that trains.
      normalisation: of its input.
      selected_on: what chooses its epoch, as on its card.
      method: what the paper changes.
      teachers: frozen ones, on all devices.
      teachers_answer: whether all of them know the classes; a random classifier's answer to a clip
        is nothing that a student could agree with.
      train_step: (state, teachers, batch, key) -> (state, metrics), compiled.
      predict: the student's.
      ask: likewise each teacher's, in their order; of one that is like the student where it is its
        own past, its average or a peer.
      mesh: the devices.
      key: the run's one key.
    """

    config: ConfigDict
    splits: data.Splits
    train_batches: data.TrainBatches
    spec: ClipSpec
    student: Network
    normalisation: models.Normalisation
    selected_on: str
    method: methods.Method
    teachers: tuple[Variables, ...]
    teachers_answer: bool
    train_step: Callable[..., tuple[TrainState, dict[str, jax.Array]]]
    predict: Predict
    ask: tuple[Predict, ...]
    mesh: jax.sharding.Mesh
    key: jax.Array

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """[t, h, w, c] of the student's input."""
        return inputs.clip_shape(self.config)

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """Puts a host batch on the devices."""
        return sharding.shard(batch, self.mesh)

    def initial_state(self) -> TrainState:
        """Returns the state before the first step, on all devices."""
        model = self.config.model
        state = create_train_state(
            self.key,
            self.clip_shape,
            model=self.student.model,
            optimizer=_optimizer(self.config),
            moving_average=self.method.moving_average > 0,
            zero_norms=models.lookup(model.name).last_norm if model.zero_init_residual else "",
        )
        return sharding.replicate(state, self.mesh)

    def start_from_weights(self, state: TrainState) -> TrainState:
        """Returns the state before the first step, with the weights of `model.init_from`."""
        variables = init_from.first_variables(self.config, state.variables)
        variables = sharding.replicate(variables, self.mesh)
        averages = isinstance(state.average, Variables)
        average = jax.tree.map(jnp.copy, variables) if averages else ()
        return state.replace(variables=variables, average=average)

    @functools.cached_property  # it reads what the records, or the video files, are
    def card(self) -> weights.Card:
        """What must be known of the network to use its weights elsewhere."""
        frames, size, _, in_channels = self.clip_shape
        return weights.Card(
            model=self.config.model.name,
            width=self.config.model.width,
            in_channels=in_channels,
            num_classes=len(self.splits.class_names),
            frames=frames,
            stride=self.config.data.stride,
            size=size,
            normalisation=self.normalisation,
            class_names=tuple(self.splits.class_names),
            dataset=self.config.data.name,
            split=self.config.data.split,
            records=workdir.records_identity(self.config),
            selected_on=self.selected_on,
        )

    def first_teachers(self) -> tuple[Variables, ...]:
        """Returns the teachers before any promotion.

        The frozen ones; for a method that promotes none, or the released code's random one.
        """
        if not self.method.promotes or self.config.method.first_teacher == "none":
            return self.teachers
        key = jax.random.fold_in(self.key, TEACHER_STREAM)
        return (
            sharding.replicate(
                create_variables(key, self.clip_shape, model=self.student.model), self.mesh
            ),
        )

    def eval_batches(self, subset: Any, *, max_clips: int | None) -> data.EvalBatches:
        """Returns the evaluation clips of a subset; one centre clip a video for `None`."""
        return inputs.eval_batches(self.config, subset, self.spec, max_clips=max_clips)


def build_run(config: ConfigDict) -> Run:
    """Opens the data and builds the network, the method and the compiled steps.

    Raises:
      InputError: names what in the config or the data is wrong.
    """
    config_checks.validate(config)
    splits = inputs.load_splits(config)
    sharding.check_same("config.data: the videos", splits.fingerprint)
    mesh = sharding.create_mesh()
    sharding.check_divisible("train.batch_size", config.train.batch_size, mesh)
    sharding.check_divisible("eval.batch_size", config.eval.batch_size, mesh)
    method = methods.create(augment=augmentation(config), **config.method.to_dict())
    teachers = teachers_lib.load(config, method, splits.class_names)
    frozen, offsets = teachers_lib.networks(config, method, teachers)
    spec = inputs.clip_spec(config, offsets)
    normalisation = init_from.normalisation(config, in_channels=inputs.in_channels(config))
    student = _student(config, method, frozen, teachers, spec, splits, normalisation)
    # Without frozen ones, a student is taught by networks of its own kind.
    teacher_networks = frozen or (_own_kind(student, teachers_lib.dtype(config)),)
    step = partial(
        train_step,
        student=student,
        teacher_networks=teacher_networks,
        method=method,
        optimizer=_optimizer(config),
        remat=config.train.remat,
    )
    return Run(
        config=config,
        splits=splits,
        train_batches=inputs.train_batches(config, splits.train, spec),
        spec=spec,
        student=student,
        normalisation=normalisation,
        selected_on=weights.selected_on(
            config.data.val,
            config.data.name,
            [*(teacher.card for teacher in teachers), *init_from.cards(config)],
        ),
        method=method,
        teachers=tuple(sharding.replicate(teacher.variables, mesh) for teacher in teachers),
        teachers_answer=all(teacher.card.has_classifier for teacher in teachers),
        train_step=jax.jit(step, donate_argnums=0, out_shardings=sharding.replicated(mesh)),
        predict=_predictor(student, mesh),
        ask=tuple(_predictor(network, mesh) for network in teacher_networks),
        mesh=mesh,
        key=jax.random.key(config.seed),
    )


def _student(
    config: ConfigDict,
    method: methods.Method,
    teacher_networks: tuple[Network, ...],
    teachers: tuple[teachers_lib.Teacher, ...],
    spec: ClipSpec,
    splits: data.Splits,
    normalisation: models.Normalisation,
) -> Network:
    """Returns the student with what the method asks for: heads, blocks, adapters, a peer."""
    shapes = tuple(
        network.output_shapes(teacher.variables, inputs.window_shapes(config, spec))
        for network, teacher in zip(teacher_networks, teachers, strict=True)
    )
    plain = models.create(
        config.model.name,
        len(splits.class_names),
        in_channels=inputs.in_channels(config),
        width=config.model.width,
        dtype=jnp.dtype(config.model.dtype),
        heads=method.heads,
        normalisation=normalisation,
    ).clone(taps=method.blocks)
    init = partial(plain.init_with_output, jax.random.key(0), train=False)
    clip = jax.ShapeDtypeStruct((1, *inputs.clip_shape(config)), jnp.float32)
    model = plain.clone(adapters=method.adapters(jax.eval_shape(init, clip)[0], shapes))
    own = teachers_lib.clip_offsets(config, ())[0]
    return Network(
        model=models.Peers.of(model) if method.has_peer else model,
        frames=teachers_lib.positions(own, spec.offsets),
        size=config.data.size or None,
    )


def _own_kind(student: Network, dtype: str) -> Network:
    """Returns a network of the student's kind: its past, its average or its peer."""
    model = student.model.peer if isinstance(student.model, models.Peers) else student.model
    backbone = model.backbone.clone(dtype=jnp.dtype(dtype))
    return dataclasses.replace(student, model=model.clone(backbone=backbone))


def _predictor(network: Network, mesh: jax.sharding.Mesh) -> Predict:
    compiled = jax.jit(
        partial(predict_step, network=network), out_shardings=sharding.replicated(mesh)
    )
    return lambda variables, batch: compiled(variables, sharding.shard(batch, mesh))


def _optimizer(config: ConfigDict) -> Any:
    return create_optimizer(
        config.optim.learning_rate,
        name=config.optim.name,
        momentum=config.optim.momentum,
        weight_decay=config.optim.weight_decay,
        nesterov=config.optim.nesterov,
        decay_on=config.optim.decay_on,
    )
