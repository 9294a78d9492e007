"""Independent training: cross-entropy against the labels, on augmented clips."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax

from vidkd_jax import augment, losses
from vidkd_jax.methods.base import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True)
class Supervised:
    """The baseline of TY's Table 3, with label smoothing as an option.

    Attributes:
      augment: transforms of the training clips.
      label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016).
    """

    augment: augment.Augment
    label_smoothing: float = 0.0

    heads: ClassVar[Mapping[str, int]] = {}
    promotes: ClassVar[bool] = False

    def views(self, key: jax.Array, clip: jax.Array) -> jax.Array:
        """Returns normalised, augmented clips, float32 [b, t, h, w, 3] in [-1, 1]."""
        return augment.apply(self.augment, key, augment.normalise(clip))

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the cross-entropy term (TY eq. 4)."""
        del teachers
        value = losses.cross_entropy(
            student["logits"], batch["label"], label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": Term(1.0, value)}
