"""Distillation of a teacher's soft targets: from trained teachers, or from a moving average."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.errors import InputError
from vidkd_jax.methods.base import Batch, Outputs, Term
from vidkd_jax.methods.supervised import Supervised


@dataclasses.dataclass(frozen=True)
class Distillation(Supervised):
    """Total = cross-entropy + kd_weight * KL(teachers || student) (Hinton et al. 2015; TY eq. 5).

    One teacher is TY's "Teacher to Student" (a larger one) or "Student to Student" (its equal);
    several are "Multi-Teachers" (Table 5): their soft targets are averaged. Teachers and student
    see the same augmented clip. With `kd_weight=0` the step is the supervised one, bit for bit.

    Attributes:
      kd_weight: lambda of eq. 5; 0.2 is the best of TY's Table 8.
      temperature: tau of eq. 2; 5 is the best of TY's Table 8.
      scale_by_temperature_squared: multiply the KL by tau^2 (Hinton et al. 2015); TY does not.
      teacher_weights: share of each teacher in the averaged soft targets; (): all alike.
    """

    kd_weight: float = 0.2
    temperature: float = 5.0
    scale_by_temperature_squared: bool = False
    teacher_weights: tuple[float, ...] = ()

    frozen_teachers: ClassVar[str] = "any"
    reads_teacher_logits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.teacher_weights and not (
            min(self.teacher_weights) >= 0 and sum(self.teacher_weights) > 0
        ):
            raise InputError(
                f"config.method.teacher_weights: {self.teacher_weights}; use numbers from 0 up"
            )

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the cross-entropy and, once there is a teacher, the KL term (TY eq. 3)."""
        terms = super().terms(student, teachers, batch)
        if teachers and self.kd_weight:
            terms["kl"] = Term(self.kd_weight, self._kl(student, teachers))
        return terms

    def _kl(self, student: Outputs, teachers: tuple[Outputs, ...]) -> jnp.ndarray:
        tau, squared = self.temperature, self.scale_by_temperature_squared
        weights = self.teacher_weights or (1.0,) * len(teachers)
        if len(weights) != len(teachers):
            raise InputError(
                f"config.method.teacher_weights: {len(weights)} weights for {len(teachers)} "
                "teachers; give one each"
            )
        if len(teachers) == 1:
            return losses.kl_divergence(
                student["logits"],
                teachers[0]["logits"],
                temperature=tau,
                scale_by_temperature_squared=squared,
            )
        targets = sum(
            weight / sum(weights) * losses.soft_targets(teacher["logits"], tau)
            for weight, teacher in zip(weights, teachers, strict=True)
        )
        return losses.kl_from_targets(
            student["logits"],
            jnp.asarray(targets),
            temperature=tau,
            scale_by_temperature_squared=squared,
        )


@dataclasses.dataclass(frozen=True)
class MovingAverage(Distillation):
    """The teacher is the exponential moving average of the student (Tarvainen & Valpola 2017).

    Their Mean Teacher, on labelled clips and with a KL term.

    Attributes:
      ema_decay: share of the average that each step keeps; in step n at most 1 - 1/n: a plain mean
        at first, so that the random first weights are forgotten at once. Their code has 1 - 1/(n +
        1); it averages parameters alone, where here BatchNorm's statistics are averaged, too.
    """

    ema_decay: float = 0.999

    frozen_teachers: ClassVar[str] = "none"

    @property
    def moving_average(self) -> float:
        """The decay."""
        return self.ema_decay


@dataclasses.dataclass(frozen=True)
class Decoupled(Supervised):
    """Total = cross-entropy + decoupled KL (Zhao et al., CVPR 2022, eq. 7), from one teacher.

    The paper raises the second term from 0 during the first 20 epochs; here it has its full weight
    from the start.

    Attributes:
      temperature: 4 in the paper, and in `configs/decoupled_r18.py`.
      target_weight: alpha, of the label against all others; 1 in the paper.
      other_weight: beta, of the others among themselves; 8 in most of the paper's settings.
    """

    temperature: float = 4.0
    target_weight: float = 1.0
    other_weight: float = 8.0

    frozen_teachers: ClassVar[str] = "one"
    reads_teacher_logits: ClassVar[bool] = True

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the cross-entropy and the decoupled KL."""
        (teacher,) = teachers
        value = losses.decoupled_kl(
            student["logits"],
            teacher["logits"],
            batch["label"],
            temperature=self.temperature,
            target_weight=self.target_weight,
            other_weight=self.other_weight,
        )
        return {**super().terms(student, teachers, batch), "decoupled_kl": Term(1.0, value)}
