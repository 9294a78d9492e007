"""Independent training: cross-entropy against the labels, on augmented clips."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import augment, losses
from vidkd_jax.methods.base import Batch, Context, Outputs, Shapes, Sizes, Taught, Term
from vidkd_jax.methods.option import check_options, option
from vidkd_jax.methods.sources import Average, Memory, Source
from vidkd_jax.models import Head
from vidkd_jax.samplers import Contiguous, Sampler


@dataclasses.dataclass(frozen=True)
class Supervised:
    """The baseline of TY's Table 3, with label smoothing as an option; the root of all methods.

    Attributes:
      augment: transforms of the training clips.
      label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016).
    """

    augment: augment.Augment
    label_smoothing: float = option(0.0, at_least=0, less_than=1)

    clips: ClassVar[tuple[int, ...] | None] = None
    sharded_memory: ClassVar[tuple[str, ...]] = ()
    validated_by: ClassVar[tuple[str, ...]] = ("classification",)
    tested_by: ClassVar[tuple[str, ...]] = ("classification",)
    selected_on: ClassVar[str] = "clip_top1"

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """None."""
        return ()

    @property
    def blocks(self) -> tuple[str, ...]:
        """None."""
        return ()

    def heads(self, num_classes: int) -> Mapping[str, Head]:
        """Returns the classifier."""
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
            name: augment.apply(self.augment, key, augment.normalise(batch[name]))
            for name in ("clip", "flow")
            if name in batch
        }

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy term (TY eq. 4)."""
        del teachers
        value = losses.cross_entropy(
            student["logits"], context.batch["label"], label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": Term(1.0, value)}

    def metrics(self, student: Outputs, context: Context) -> dict[str, jax.Array]:
        """Returns the accuracy on the batch."""
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
