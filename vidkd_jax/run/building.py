"""From settings to the parts of a run."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import jax
import numpy as np
import optax

from vidkd_jax import data, models
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.methods import Memory, Shapes, Sizes
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card, on_other_lists, selected_on
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.run import fork, init_from, inputs, method_checks
from vidkd_jax.run.compiled import Predict, compiled_step, predictor_of
from vidkd_jax.run.frozen import FrozenTeachers, load_frozen
from vidkd_jax.run.optimizer import create_optimizer
from vidkd_jax.run.state import MEMORY_STREAM, TrainState, create_train_state
from vidkd_jax.run.student import alone, build_student, card_of, clip_shape_of, own_kind
from vidkd_jax.run.teachers import Teachers, assemble, random_past
from vidkd_jax.runtime import sharding
from vidkd_jax.settings import differences
from vidkd_jax.settings.settings import Settings


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """The parts of a run, built once from its settings.

    Attributes:
      settings: what the run is told, checked.
      splits: the videos that train, validate and test.
      train_batches: the endless training batches; their iterator can be checkpointed.
      spec: how clips are cut. They hold all frames that any network of the run sees.
      student: the network that trains.
      clip_shape: shape of the student's input: [t, h, w, c], or [n, t, h, w, c] for n clips.
      card: what must be known of the student to use its weights elsewhere.
      frozen: the trained teachers.
      teachers: the teachers by source, the trained ones among them.
      student_shapes: shapes of the student's outputs for one row of a batch.
      optimizer: the student's optimiser.
      train_step: the compiled step, (state, teachers, batch, key) -> (state, metrics).
      mesh: the devices.
      key: the run's one random key.
    """

    settings: Settings
    splits: data.Splits
    train_batches: data.TrainBatches
    spec: ClipSpec
    student: Network
    clip_shape: tuple[int, ...]
    card: Card
    frozen: FrozenTeachers
    teachers: Teachers
    student_shapes: Shapes
    optimizer: optax.GradientTransformation
    train_step: Callable[..., tuple[TrainState, dict[str, jax.Array]]]
    mesh: jax.sharding.Mesh
    key: jax.Array

    def describe(self) -> str:
        """Returns what the run learns from, and for how long."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.splits.counts().items())
        epochs, steps = self.settings.train.epochs, self.train_batches.per_epoch
        classes = len(self.splits.class_names)
        return f"{classes} classes, videos: {counts}; {epochs} epochs of {steps:,} steps"

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """Puts a host batch on the devices."""
        return sharding.shard(batch, self.mesh)

    def initial_state(self) -> TrainState:
        """Returns the state before the first step, on all devices: freshly initialised."""
        model = self.settings.model
        state = create_train_state(
            self.key,
            self.clip_shape,
            model=self.student.model,
            optimizer=self.optimizer,
            zero_norms=models.lookup(model.name).last_norm if model.zero_init_residual else "",
        )
        memory = self.first_memory(state.variables)
        return sharding.replicate(state, self.mesh).replace(memory=memory)

    def first_memory(self, variables: Variables) -> Memory:
        """Returns the method's memory before the first step, on the devices."""
        method = self.settings.method
        memory = method.init_memory(
            Sizes(
                key=jax.random.fold_in(self.key, MEMORY_STREAM),
                variables=weights.student_of(variables),
                student=self.student_shapes,
                teachers=self.frozen.shapes,
                num_videos=len(self.splits.train.videos),
            )
        )
        return sharding.place(memory, method.sharded_memory, self.mesh)

    @property
    def student_alone(self) -> models.Recogniser:
        """The student's model; of two peers the first."""
        return alone(self.student)

    def num_params(self, variables: Variables) -> int:
        """Returns the size of the student, without what only its training needed."""
        params = self.student_alone.deployed(weights.student_of(variables).params)
        return sum(leaf.size for leaf in jax.tree.leaves(params))

    def eval_clips(self, subset: data.Subset, *, middle: bool = False) -> data.EvalClips:
        """Returns the clips by which the run judges a subset, or the `middle` one of each video."""
        return data.EvalClips(subset, self.spec, None if middle else self.settings.eval.max_clips)

    def eval_batches(self, clips: data.EvalClips) -> data.EvalBatches:
        """Returns batches of evaluation clips."""
        return inputs.eval_batches(self.settings, clips)

    @functools.cache  # noqa: B019 - a run lives as long as its process
    def predictor(
        self, outputs: tuple[str, ...] = ("logits",), *, variants: bool = False
    ) -> Predict:
        """Returns the student's compiled prediction of named outputs.

        Args:
          outputs: their names.
          variants: whether of the method's variants of the clips; see `Method.variants`.
        """
        shown = self.settings.method.variants if variants else None
        return predictor_of(self.student, self.mesh, outputs, shown)

    @functools.cached_property
    def ask(self) -> Mapping[str, tuple[Predict, ...]]:
        """The compiled predictions of every teacher's classifier, by source."""
        return {
            name: tuple(predictor_of(network, self.mesh, ("logits",)) for network in networks)
            for name, networks in self.teachers.networks.items()
        }


def _check_processes(settings: Settings) -> None:
    """Refuses processes that do not train by the same settings.

    Raises:
      InputError: names the field; all processes raise it.
    """
    remedy = "start all with the same flags"
    sharding.check_same(lambda: {"config.method.name": settings.method_name}, remedy)
    shared = {
        f"config.{field}": repr(value)
        for field, value in settings.by_field().items()
        if field not in differences.PER_HOST
    }
    sharding.check_same(lambda: shared, remedy)


def build_run(settings: Settings) -> Run:
    """Opens the data and builds the networks, the teachers and the compiled step.

    Raises:
      InputError: names what in the config or the data is wrong.
    """
    _check_processes(settings)
    with sharding.together():
        lists = inputs.read_lists(settings.data)
        name, records = settings.data.name, inputs.records_identity(settings.data, lists)
        start = [*init_from.cards(settings), *fork.trunk_cards(settings, records)]
        splits = inputs.load_splits(settings.data, lists)
    sharding.check_same(
        lambda: {"config.data, the videos": splits.fingerprint()}, "all must see the same files"
    )
    mesh, key = sharding.create_mesh(), jax.random.key(settings.seed)
    sharding.check_divisible("train.batch_size", settings.train.batch_size, mesh)
    sharding.check_divisible("eval.batch_size", settings.eval.batch_size, mesh)
    own = inputs.student_sampler(settings)
    method_checks.check_clips(settings.method, own)
    method_checks.check_choosing(settings.method, own)
    method_checks.check_evaluated(settings.eval.max_clips, own)
    method_checks.check_lengths(splits, own)
    frozen = load_frozen(settings, splits, records, own, mesh)
    clip_shape = clip_shape_of(settings, own)
    student, student_shapes = build_student(
        settings, frozen.shapes, own, frozen.sampler, len(splits.class_names), clip_shape, start
    )
    method_checks.check_evaluators(settings.method, student_shapes)
    patterns = [pattern for pattern, _ in settings.optim.multipliers]
    method_checks.check_patterns(patterns, student, clip_shape)
    like_student = own_kind(student, settings.teacher_dtype)
    first_past = random_past(settings.method.teachers, key, clip_shape, like_student, mesh)
    teachers = assemble(settings, frozen, like_student, first_past, splits.class_names)
    optimizer = create_optimizer(settings.optim)
    spec = inputs.clip_spec(settings.data, frozen.sampler)
    ancestors = [*frozen.cards, *start]
    card = card_of(settings, alone(student), clip_shape, splits.class_names, spec.sampler)
    card = dataclasses.replace(
        card,
        records=records,
        selected_on=selected_on(settings.data.val, name, ancestors),
        on_other_lists=on_other_lists(records, name, ancestors),
    )
    return Run(
        settings=settings,
        splits=splits,
        train_batches=inputs.train_batches(settings, splits.train, spec),
        spec=spec,
        student=student,
        clip_shape=clip_shape,
        card=card,
        frozen=frozen,
        teachers=teachers,
        student_shapes=student_shapes,
        optimizer=optimizer,
        train_step=compiled_step(settings, student, teachers, optimizer, mesh, frozen.teacher_of),
        mesh=mesh,
        key=key,
    )
