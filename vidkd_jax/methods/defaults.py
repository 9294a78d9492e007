"""What most methods share: one augmented clip of each video, a classifier, averages in memory."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import augment
from vidkd_jax.methods.base import LAST_EPOCH, Batch, Context, Outputs, Shapes, Sizes, Taught
from vidkd_jax.methods.sources import Average, Memory, Source
from vidkd_jax.models import Head
from vidkd_jax.options import check_options
from vidkd_jax.samplers import Contiguous, Sampler


@dataclasses.dataclass(frozen=True)
class Defaults:
    """The root of all methods: everything of a method but the terms of its loss.

    Attributes:
      augment: transforms of the training clips.

    Raises:
      InputError: an option has another type than its default, is out of its range, or is none of
        its names.
    """

    augment: augment.Augment

    agrees_on: ClassVar[tuple[str, ...]] = ()
    validated_by: ClassVar[tuple[str, ...]] = ("classification",)
    tested_by: ClassVar[tuple[str, ...]] = ("classification",)
    selected_on: ClassVar[str] = "clip_top1"

    def __post_init__(self) -> None:
        check_options(self, "method")

    @property
    def teachers(self) -> tuple[Source, ...]:
        """None."""
        return ()

    @property
    def clips(self) -> tuple[int, ...] | None:
        """All of them."""
        return None

    @property
    def sharded_memory(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def blocks(self) -> tuple[str, ...]:
        """None."""
        return ()

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the classifier."""
        del teachers
        return {"logits": Head(num_classes)}

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns the sampler of one contiguous clip."""
        return Contiguous(frames, stride)

    def adapters(self, student: Shapes, teachers: tuple[Shapes, ...]) -> Mapping[str, int]:
        """Returns no adapter."""
        del student, teachers
        return {}

    def views(self, key: jax.Array, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns normalised, augmented clips, and their flow where the batch has it."""
        return {
            name: augment.apply(self.augment, key, clip)
            for name, clip in augment.plain(batch).items()
        }

    def variants(self, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns the clips as they are, in one way."""
        return {name: clip[:, None] for name, clip in augment.plain(batch).items()}

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the accuracy on the batch."""
        del teachers
        predicted = jnp.argmax(student["logits"], axis=-1)
        return {"top1": jnp.mean(predicted == context.batch["label"])}

    def init_memory(self, sizes: Sizes) -> Memory:
        """Returns a copy of the student for each average of it that teaches."""
        # A copy: the state is donated to the step, and a buffer can be donated once.
        return {
            source.name: jax.tree.map(jnp.copy, sizes.variables)
            for source in self.teachers
            if isinstance(source, Average)
        }

    def remember(
        self, student: Outputs, teachers: Taught, context: Context, variables: Any
    ) -> Memory:
        """Returns the memory with its averages moved towards the student."""
        del student, teachers
        moved = {
            source.name: source.moved(context.memory[source.name], variables, context.step)
            for source in self.teachers
            if isinstance(source, Average)
        }
        return {**context.memory, **moved}


@dataclasses.dataclass(frozen=True)
class WithoutLabels(Defaults):
    """What no label judges while it trains: its last epoch counts."""

    validated_by: ClassVar[tuple[str, ...]] = ()
    tested_by: ClassVar[tuple[str, ...]] = ("linear_probe", "nearest_neighbours", "features")
    selected_on: ClassVar[str] = LAST_EPOCH
