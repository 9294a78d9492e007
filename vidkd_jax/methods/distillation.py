"""Distillation of a teacher's soft targets: from trained teachers, or from a moving average."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.errors import InputError
from vidkd_jax.methods.base import Context, Outputs, Taught, Term
from vidkd_jax.methods.sources import Average, Frozen, Source, check_weights
from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.options import option


@dataclasses.dataclass(frozen=True)
class SoftTargets(Supervised):
    """Total = cross-entropy + kd_weight * KL(teachers || student) (Hinton et al. 2015; TY eq. 5).

    The soft targets of several teachers are averaged. Teachers and student see the same augmented
    clip. With `kd_weight=0` the step is the supervised one, bit for bit.

    Attributes:
      kd_weight: lambda of eq. 5; 0.2 is the best of TY's Table 8.
      temperature: tau of eq. 2; 5 is the best of TY's Table 8.
      scale_by_temperature_squared: multiply the KL by tau^2 (Hinton et al. 2015); TY does not.
    """

    kd_weight: float = option(0.2, at_least=0)
    temperature: float = option(5.0, more_than=0)
    scale_by_temperature_squared: bool = False

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and, once there is a teacher, the KL term (TY eq. 3)."""
        terms = super().terms(student, teachers, context)
        answers = [outputs["logits"] for source in teachers.values() for outputs in source]
        if answers and self.kd_weight:
            terms["kl"] = Term(self.kd_weight, self._kl(student["logits"], answers))
        return terms

    def _kl(self, student: jax.Array, teachers: Sequence[jax.Array]) -> jax.Array:
        """Returns the KL of the student [b, k] from the teachers' averaged soft targets, [b]."""
        tau, squared = self.temperature, self.scale_by_temperature_squared
        if len(teachers) == 1:
            return losses.kl_divergence(
                student, teachers[0], temperature=tau, scale_by_temperature_squared=squared
            )
        targets = sum(
            share * losses.soft_targets(teacher, tau)
            for share, teacher in zip(self._shares(len(teachers)), teachers, strict=True)
        )
        return losses.kl_from_targets(
            student, jnp.asarray(targets), temperature=tau, scale_by_temperature_squared=squared
        )

    def _shares(self, count: int) -> Sequence[float]:
        """Returns the share of each teacher in the soft targets."""
        return (1 / count,) * count


@dataclasses.dataclass(frozen=True)
class Distillation(SoftTargets):
    """Soft targets of trained networks: total = label_weight * cross-entropy + kd_weight * KL.

    One teacher is TY's "Teacher to Student" (a larger one) or "Student to Student" (its equal);
    several are "Multi-Teachers" (Table 5).

    Attributes:
      teacher_weights: share of each teacher in the averaged soft targets; (): all alike.
      label_weight: of the cross-entropy; 0: the student learns from the soft targets alone, as the
        student without a confidence of ConDi, section 4.3.

    Raises:
      InputError: an option is out of its range, all weights are 0, or labels are smoothed that do
        not count.
    """

    teacher_weights: tuple[float, ...] = option((), at_least=0)
    label_weight: float = option(1.0, at_least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights(self.teacher_weights)
        if not (self.label_weight or self.kd_weight):
            raise InputError(
                "config.method.label_weight: 0 with kd_weight=0 leaves nothing to learn from; set "
                "one of them"
            )
        if not self.label_weight and self.label_smoothing:
            raise InputError(
                f"config.method.label_smoothing: {self.label_smoothing} of labels that "
                "label_weight=0 leaves out; set it to 0"
            )

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the weighted cross-entropy and the KL term.

        Raises:
          InputError: there are several teachers, and not as many weights.
        """
        terms = super().terms(student, teachers, context)
        labels = terms.pop("cross_entropy")
        if not self.label_weight:
            return terms
        return {"cross_entropy": Term(self.label_weight, labels.value), **terms}

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network or several."""
        return (Frozen(reads_logits=True, weights=self.teacher_weights),)

    def _shares(self, count: int) -> Sequence[float]:
        weights = self.teacher_weights or (1.0,) * count
        if len(weights) != count:
            raise InputError(
                f"config.method.teacher_weights: {len(weights)} weights for {count} teachers; give "
                "one each"
            )
        return [weight / sum(weights) for weight in weights]


@dataclasses.dataclass(frozen=True)
class MovingAverage(SoftTargets):
    """The teacher is the exponential moving average of the student (Tarvainen & Valpola 2017).

    Their Mean Teacher, on labelled clips, with a KL term, and without the rise of its weight over
    the first epochs.

    Attributes:
      ema_decay: share of the average that each step keeps; in step n at most 1 - 1/n: a plain mean
        at first, so that the random first weights are forgotten at once. Their code has 1 - 1/(n +
        1); it averages parameters alone, where here BatchNorm's statistics are averaged, too.
    """

    ema_decay: float = option(0.999, more_than=0, less_than=1)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """The student's average."""
        return (Average(self.ema_decay),)


@dataclasses.dataclass(frozen=True)
class Decoupled(Supervised):
    """Total = cross-entropy + decoupled KL (Zhao et al., CVPR 2022, eq. 7), from one teacher.

    The paper raises the second term from 0 during the first 20 epochs; here it has its full weight
    from the start.

    Attributes:
      temperature: 4 in the paper.
      target_weight: alpha, of the label against all others; 1 in the paper.
      other_weight: beta, of the others among themselves; 8 in most of the paper's settings.
    """

    temperature: float = option(4.0, more_than=0)
    target_weight: float = option(1.0, at_least=0)
    other_weight: float = option(8.0, at_least=0)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network."""
        return (Frozen(most=1, reads_logits=True),)

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and the decoupled KL."""
        (teacher,) = teachers["frozen"]
        value = losses.decoupled_kl(
            student["logits"],
            teacher["logits"],
            context.batch["label"],
            temperature=self.temperature,
            target_weight=self.target_weight,
            other_weight=self.other_weight,
        )
        return {**super().terms(student, teachers, context), "decoupled_kl": Term(1.0, value)}
