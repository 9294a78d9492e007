"""Independent training: cross-entropy against the labels, on augmented clips."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax

from vidkd_jax import augment, losses
from vidkd_jax.methods.base import Batch, Outputs, Shapes, Term


@dataclasses.dataclass(frozen=True)
class Supervised:
    """The baseline of TY's Table 3, with label smoothing as an option; the root of all methods.

    Attributes:
      augment: transforms of the training clips.
      label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016).
    """

    augment: augment.Augment
    label_smoothing: float = 0.0

    heads: ClassVar[Mapping[str, int]] = {}
    promotes: ClassVar[bool] = False
    frozen_teachers: ClassVar[str] = "none"
    reads_teacher_logits: ClassVar[bool] = False
    has_peer: ClassVar[bool] = False

    @property
    def blocks(self) -> tuple[str, ...]:
        """None of the student's."""
        return ()

    @property
    def teacher_blocks(self) -> tuple[str, ...]:
        """None of a teacher's."""
        return ()

    @property
    def moving_average(self) -> float:
        """The teacher is no moving average of the student."""
        return 0.0

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

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the cross-entropy term (TY eq. 4)."""
        del teachers
        value = losses.cross_entropy(
            student["logits"], batch["label"], label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": Term(1.0, value)}
