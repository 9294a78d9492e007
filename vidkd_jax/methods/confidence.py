"""Students that learn when their teacher is right, and so which clips it is worth asking about."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.methods.base import Context, Outputs, Shapes, Taught, Term, own_key
from vidkd_jax.methods.defaults import Defaults
from vidkd_jax.methods.sources import Frozen, Source
from vidkd_jax.models import Head
from vidkd_jax.options import choice, option


@dataclasses.dataclass(frozen=True)
class _OfOneTeacher(Defaults):
    """A student with the head "confidence", whose sigmoid says how surely its teacher is right."""

    validated_by: ClassVar[tuple[str, ...]] = ("classification", "confidence")
    tested_by: ClassVar[tuple[str, ...]] = ("classification", "confidence")
    selected_on: ClassVar[str] = "confidence_auroc"

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network."""
        return (Frozen(most=1, reads_logits=True),)

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the classifier, and one linear output for the confidence."""
        return {**super().heads(num_classes, teachers), "confidence": Head(1)}

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the mean confidence, and how often the teacher is right, besides the accuracy.

        If `teacher_right` is nearly 1, the teacher knows the videos by heart, and its mistakes on
        other videos cannot be learnt from them.
        """
        return {
            **super().metrics(student, teachers, context),
            "confidence": jnp.mean(jax.nn.sigmoid(student["confidence"])),
            "teacher_right": jnp.mean(_right(teachers, context)),
        }


@dataclasses.dataclass(frozen=True)
class ConfidenceDistillation(_OfOneTeacher):
    """ConDi-SR: total = KL from the trusted targets + confidence_weight * BCE (ConDi, eq. 3.5-3.8).

    The student copies the teacher's soft targets as far as it trusts them, and learns whether the
    teacher is right. There is no cross-entropy with the label. The head's learning rate drops
    tenfold after every epoch in the thesis; that is a setting of the optimiser, which
    configs/condi_sampler.py makes.

    The best epoch is the one whose confidences rank the validation clips best (AUROC): the student
    is there to choose clips for its teacher. The thesis does not say how it chose.

    Attributes:
      temperature: tau of eq. 3.4; 0.9 is called optimal in section 4.5.2. Section 4.5.1 finds
        little difference to 1, and no convergence above 1.
      confidence_weight: lambda of eq. 3.6, tried in {0.5, 1.5, 2}; the thesis never says which is
        best, so this is the middle one.
      positive_weight: mu, the weight on clips that the teacher gets right; 1.5 is the best of
        section 4.5.1.
      wrong_teacher: what the target is where the teacher is wrong: "printed", as eq. 3.5, or
        "uniform", as the text; `losses.confident_targets` says more.
      target_gradient: whether the KL term moves the confidence through the target. The thesis adds
        the BCE term "to prevent a naive solution" of zero confidence, to which only this gradient
        can lead, so it is there.
      mean_over_classes: divides the KL by the number of classes, as eq. 3.7.
    """

    temperature: float = option(0.9, more_than=0)
    confidence_weight: float = option(1.5, at_least=0)
    positive_weight: float = option(1.5, more_than=0)
    wrong_teacher: str = choice("printed", losses.WRONG_TEACHER)
    target_gradient: bool = True
    mean_over_classes: bool = True

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the KL term and the confidence's cross-entropy."""
        confidence = student["confidence"][:, 0]
        value = losses.confidence_distillation(
            student["logits"],
            teachers["frozen"][0]["logits"],
            confidence,
            context.batch["label"],
            temperature=self.temperature,
            wrong_teacher=self.wrong_teacher,
            target_gradient=self.target_gradient,
            mean_over_classes=self.mean_over_classes,
        )
        binary = losses.binary_cross_entropy(
            confidence, _right(teachers, context), positive_weight=self.positive_weight
        )
        return {"kl": Term(1.0, value), "confidence": Term(self.confidence_weight, binary)}


@dataclasses.dataclass(frozen=True)
class NaiveConfidence(_OfOneTeacher):
    """ConDi, eq. 4.2: label_weight * CE + (1 - label_weight) * KL + confidence_weight * BCE.

    The thesis' ablation: the student copies its teacher whether it trusts it or not. The KL is that
    of eq. 3.7, with tau^2 and the mean over classes, from the plain soft targets.

    Attributes:
      label_weight: beta; 0.9 in section 4.5.2.
      temperature: tau; 5 in section 4.5.2.
      confidence_weight: lambda, as of `ConfidenceDistillation`.
      positive_weight: mu, likewise.
      mean_over_classes: likewise.
    """

    label_weight: float = option(0.9, at_least=0, at_most=1)
    temperature: float = option(5.0, more_than=0)
    confidence_weight: float = option(1.5, at_least=0)
    positive_weight: float = option(1.5, more_than=0)
    mean_over_classes: bool = True

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the three terms."""
        (teacher,) = teachers["frozen"]
        kl = losses.kl_divergence(
            student["logits"],
            teacher["logits"],
            temperature=self.temperature,
            scale_by_temperature_squared=True,
        )
        if self.mean_over_classes:
            kl = kl / student["logits"].shape[-1]
        binary = losses.binary_cross_entropy(
            student["confidence"][:, 0],
            _right(teachers, context),
            positive_weight=self.positive_weight,
        )
        labels = losses.cross_entropy(student["logits"], context.batch["label"])
        return {
            "cross_entropy": Term(self.label_weight, labels),
            "kl": Term(1 - self.label_weight, kl),
            "confidence": Term(self.confidence_weight, binary),
        }


@dataclasses.dataclass(frozen=True)
class ConfidenceOnly(_OfOneTeacher):
    """BCE-C: total = binary cross-entropy of whether the teacher is right (ConDi, section 3.1.1).

    The student has no classifier. The teacher is right on most clips, and the thesis downsamples
    the majority. Here each batch keeps as many clips of the one kind as it has of the other, drawn
    at random, so its loss is exactly balanced, but a batch of one kind only contributes nothing:
    its step moves the weights by momentum and weight decay alone. `skipped` counts such batches, as
    a share of the steps, and `kept` the share of clips that are kept. Where many are skipped, use
    larger batches or a teacher of other videos.
    """

    validated_by: ClassVar[tuple[str, ...]] = ("confidence",)
    tested_by: ClassVar[tuple[str, ...]] = ("confidence",)

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns one linear output for the confidence."""
        return {"confidence": super().heads(num_classes, teachers)["confidence"]}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the confidence's cross-entropy, whose mean is over the kept clips."""
        right = _right(teachers, context)
        kept = self._kept(teachers, context)
        value = losses.binary_cross_entropy(student["confidence"][:, 0], right)
        share = jnp.maximum(
            jnp.mean(kept), 1 / len(kept)
        )  # of a batch that keeps none, the mean is 0
        return {"confidence": Term(1.0, value * kept / share)}

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the mean confidence, how often the teacher is right, and what is kept."""
        kept = self._kept(teachers, context)
        return {
            "confidence": jnp.mean(jax.nn.sigmoid(student["confidence"])),
            "teacher_right": jnp.mean(_right(teachers, context)),
            "kept": jnp.mean(kept),
            "skipped": 1.0 - jnp.max(kept),
        }

    def _kept(self, teachers: Taught, context: Context) -> jax.Array:
        """Returns 1 for the clips that count and 0 for the others, float32 [b].

        They are the same ones in every call of a step. Of each kind as many are kept as of the
        rarer one.
        """
        right = _right(teachers, context)
        turns = jax.random.permutation(own_key(context.key, _DRAW), len(right))
        same = right[:, None] == right
        place = jnp.sum(same & (turns < turns[:, None]), axis=1)  # among its kind, from 0
        rarer = jnp.minimum(jnp.sum(right), jnp.sum(1 - right))
        return (place < rarer).astype(jnp.float32)


_DRAW = 0  # of the own keys of a step


def _right(teachers: Taught, context: Context) -> jax.Array:
    """Returns where the teacher is right, float32 [b] (eq. 3.1)."""
    (teacher,) = teachers["frozen"]
    return losses.teacher_is_right(teacher["logits"], context.batch["label"])
