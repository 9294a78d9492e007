"""What a method is: the few things in which the papers differ, and nothing else."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import jax

from vidkd_jax.methods.sources import Memory, Source
from vidkd_jax.models import Head
from vidkd_jax.samplers import Sampler

Outputs = Mapping[str, jax.Array]  # a network's outputs by name: "logits" [b, k], "features" [b, d]
Taught = Mapping[str, tuple[Outputs, ...]]  # the teachers' outputs by the name of their source
Shapes = Mapping[str, jax.ShapeDtypeStruct]  # of one network's outputs, b = 1: "logits" [1, k]
# "clip" uint8 [b, n, t, h, w, c], perhaps "flow" [b, n, t, h, w, 2]; "label", "video", "mask" [b]
Batch = Mapping[str, jax.Array]


LAST_EPOCH = "epoch"  # as `Method.selected_on`: the last epoch counts


class Term(NamedTuple):
    """One weighted loss: the total is the sum of weight * mean(value) over a method's terms."""

    weight: float | jax.Array
    value: jax.Array  # [b], or [b, n] of the n clips of each video that the student sees


class Context(NamedTuple):
    """What a loss may read besides the networks' outputs.

    Attributes:
      key: of this step; the views were drawn from it, too. Draw from `own_key` of it.
      step: number of steps done before this one, int32 [].
      batch: the labels, among others.
      memory: the method's, as the step before left it.
    """

    key: jax.Array
    step: jax.Array
    batch: Batch
    memory: Memory


def own_key(key: jax.Array, number: int) -> jax.Array:
    """Returns a key for what a method draws in a step beside the views.

    The augmentation splits the step's key, and the keys of a split are those of `fold_in` with the
    numbers from 0: such a number would give the key of one of the clips.

    Args:
      key: of the step.
      number: from 0, another one for each thing that is drawn.
    """
    return jax.random.fold_in(key, 2**31 + number)


class Sizes(NamedTuple):
    """What a method is told about a run when it makes its memory.

    Attributes:
      key: draws the memory's first values.
      variables: the student's.
      student: shapes of the student's outputs, for one row of a batch.
      teachers: shapes of the frozen teachers' outputs, likewise.
      num_videos: how many videos train; a batch's "video" is a number below it.
    """

    key: jax.Array
    variables: Any
    student: Shapes
    teachers: tuple[Shapes, ...]
    num_videos: int


class Method(Protocol):
    """A method of training a student. Its options are the fields of its dataclass.

    Where a method draws n > 1 clips of a video, the outputs of its networks are [b, n, ...], but
    those of heads over the tuple; else [b, ...].

    Attributes:
      teachers: where they come from.
      blocks: names of the student's blocks whose outputs the terms need.
      clips: which of a video's clips the student sees; None: all.
      agrees_on: options that a trained teacher's own method, where it has them, must share.
      sharded_memory: names in the memory whose arrays are split over the devices along their first
        axis; all else is copied to every device.
      validated_by: the evaluators that judge the student after every epoch, by name; (): none.
      tested_by: those that judge the best student at the end.
      selected_on: the validation metric that chooses the best epoch, more is better; or LAST_EPOCH,
        where nothing on validation is to choose.
    """

    @property
    def teachers(self) -> tuple[Source, ...]: ...  # noqa: D102
    @property
    def blocks(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def clips(self) -> tuple[int, ...] | None: ...  # noqa: D102
    @property
    def agrees_on(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def sharded_memory(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def validated_by(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def tested_by(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def selected_on(self) -> str: ...  # noqa: D102

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the student's heads; the classifier is called "logits".

        Args:
          num_classes: of the data set.
          teachers: shapes of the trained teachers' outputs, for one row of a batch.
        """

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns what chooses the frames; `frames` and `stride` are those of the config."""

    def adapters(self, student: Shapes, teachers: tuple[Shapes, ...]) -> Mapping[str, int]:
        """Returns the student's outputs that need a linear map, and the frozen teacher's width.

        `terms` finds the mapped output as "<name>/adapted".

        Args:
          student: shapes of the student's outputs, for one row of a batch.
          teachers: shapes of the trained teachers' outputs, likewise.

        Returns:
          "features" or the name of one of `blocks`, and the number of channels of its map.
        """

    def views(self, key: jax.Array, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns what student and teachers see: float clips [b, n, t, h, w, c] in [-1, 1].

        They are called as in the batch: "clip", and "flow" where the batch has it.
        """

    def variants(self, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns what evaluators of the method's own task show the student of evaluation clips.

        Each row is shown in m ways, without augmentation, and in the same ones whenever it is
        asked: float clips [b, m, n, t, h, w, c] in [-1, 1]. "possible", bool [b, m], may be there,
        too: it is False for the ways in which a row cannot be shown.
        """

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the named terms of the loss.

        A term's value is one number for each video, [b], or for each of the n clips that the
        student sees, [b, n]; training refuses any other shape with a ValueError. Teachers' outputs
        carry no gradient, except a peer's. A source whose teacher is not there yet is missing.
        """

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns what a step logs besides its losses, float32 scalars; arguments as of `terms`."""

    def init_memory(self, sizes: Sizes) -> Memory:
        """Returns the memory before the first step."""

    def remember(
        self, student: Outputs, teachers: Taught, context: Context, variables: Any
    ) -> Memory:
        """Returns the memory after a step; no gradient goes through it.

        Its names, shapes and dtypes are those of `init_memory`: training refuses others with a
        ValueError.

        Args:
          student: its outputs in this step, as `terms` saw them.
          teachers: likewise.
          context: likewise; its memory is the old one.
          variables: the student's after the step.
        """
