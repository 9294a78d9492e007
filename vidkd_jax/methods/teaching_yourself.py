"""Teaching Yourself (TY): the student's own best past model is its teacher."""

import dataclasses
from typing import ClassVar

from vidkd_jax import losses
from vidkd_jax.methods.base import Batch, Outputs, Term
from vidkd_jax.methods.supervised import Supervised


@dataclasses.dataclass(frozen=True)
class TeachingYourself(Supervised):
    """TY's Algorithm 1: total = cross-entropy + kd_weight * KL(teacher || student) (eq. 5).

    Teacher and student see the same augmented clip. Until the first promotion there is no teacher
    and no KL term. With `kd_weight=0` the step is the supervised one, bit for bit.

    Attributes:
      kd_weight: lambda of eq. 5; 0.2 is the best of TY's Table 8.
      temperature: tau of eq. 2; 5 is the best of TY's Table 8.
      scale_by_temperature_squared: multiply the KL by tau^2 (Hinton et al. 2015); TY does not.
    """

    kd_weight: float = 0.2
    temperature: float = 5.0
    scale_by_temperature_squared: bool = False

    promotes: ClassVar[bool] = True

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the cross-entropy and, once there is a teacher, the KL term (TY eq. 3)."""
        terms = super().terms(student, (), batch)
        if teachers and self.kd_weight:
            (teacher,) = teachers
            value = losses.kl_divergence(
                student["logits"],
                teacher["logits"],
                temperature=self.temperature,
                scale_by_temperature_squared=self.scale_by_temperature_squared,
            )
            terms["kl"] = Term(self.kd_weight, value)
        return terms
