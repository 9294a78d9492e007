"""Pretext-contrastive learning guided by a trained network of it (PCL+KD)."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from vidkd_jax import losses
from vidkd_jax.errors import InputError
from vidkd_jax.methods.base import Context, Outputs, Shapes, Taught, Term
from vidkd_jax.methods.pcl import PretextContrast
from vidkd_jax.methods.sources import Frozen, Source
from vidkd_jax.models import Head
from vidkd_jax.options import choice, option

DISTILLED = ("pretext", "projection", "logits")


@dataclasses.dataclass(frozen=True)
class PretextContrastDistillation(PretextContrast):
    """PCL with a teacher: the loss of PCL + kd_weight * tau^2 * KL (PCL+KD 2024, eq. 6 and 7).

    The teacher is a finished network of PCL, of any architecture, and sees the same transformed
    tuple. The student's own loss has the contrast, as in the 2022 paper; the 2024 paper calls it
    "cross entropy", which is `contrast="none"`. Eq. 6 is printed as a cross-entropy: it differs
    from tau^2 * KL by a number that the student does not change, so the gradient is the same.

    Attributes:
      kd_weight: lambda of eq. 7, which the paper does not give. Of 0.1, 1 and 9, which is SSKD's
        share of the loss, 0.1 had the best last epochs on the built-in validation videos, and 1 the
        best first ones (table `pclkd_weights`).
      temperature: tau; 4 in the paper.
      distilled: the outputs that the student copies, which the paper does not name: "pretext", the
        five answers; "projection", each clip's contrasted features, whose softmax at tau 4 is
        nearly even, so that they need a large kd_weight; "logits", of the actions, for a teacher
        that knows them.
    """

    kd_weight: float = option(0.1, at_least=0)
    temperature: float = option(4.0, more_than=0)
    distilled: str = choice("pretext", DISTILLED)

    agrees_on: ClassVar[tuple[str, ...]] = ("tuple_length", "quadrants", "segments", "fifth")

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network."""
        logits = self.distilled == "logits"
        heads = () if logits else (self.distilled,)
        # A transform is made of all frames of the batch's clip, a teacher's among them.
        return (
            Frozen(
                most=1,
                reads_logits=logits,
                heads=heads,
                reads_features=self.distilled == "projection",
                clips=self.clips,
                same_frames=True,
            ),
        )

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns those of PCL, and a classifier of actions where one is to be copied.

        Raises:
          InputError: projections are to be copied, and the teacher's have another width.
        """
        for shapes in teachers if self.distilled == "projection" else ():
            if (width := shapes["projection"].shape[-1]) != self.projection:
                raise InputError(
                    f"config.method.projection: {self.projection}, but the teacher's has {width} "
                    f"features; use {width}"
                )
        own = super().heads(num_classes, teachers)
        return {**own, "logits": Head(num_classes)} if self.distilled == "logits" else own

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns PCL's terms and the KL."""
        terms = super().terms(student, teachers, context)
        if self.kd_weight:
            ours, its = student[self.distilled], teachers["frozen"][0][self.distilled]
            value = losses.kl_divergence(
                ours.reshape(-1, ours.shape[-1]),
                its.reshape(-1, its.shape[-1]),
                temperature=self.temperature,
                scale_by_temperature_squared=True,
            )
            terms["kl"] = Term(self.kd_weight, value.reshape(len(ours), -1).mean(axis=1))
        return terms
