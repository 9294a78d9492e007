"""Confidence without a teacher: a student that may ask for hints, at a price."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.methods.base import Context, Outputs, Shapes, Sizes, Taught, Term, own_key
from vidkd_jax.methods.defaults import Defaults
from vidkd_jax.methods.sources import Memory
from vidkd_jax.models import Head
from vidkd_jax.options import option

_DRAW = 0  # of the own keys of a step
_UP, _DOWN = 1 / 0.99, 1 / 1.01  # what a step multiplies the weight by, in the reference code


@dataclasses.dataclass(frozen=True)
class LearnedConfidence(Defaults):
    """Total = cross-entropy with hints - weight * mean(log c) (DeVries & Taylor 2018, eq. 2-4).

    ConDi's ST-Conf (section 3.1.1): its confidence c, the sigmoid of the head "confidence", says
    whether the student itself is right. A sample may have hints with probability 1/2, as in the
    reference code: without those that may not, the network asks for hints everywhere and does not
    learn to classify.

    The weight of the term -log c lives in the memory: it rises where -log c is above the budget and
    falls where it is below, so that the student asks for hints as much as the budget allows.

    The best epoch is the one with the best accuracy, as for any student without a teacher.

    Attributes:
      budget: that the mean of -log c is drawn to; 0.3 in the reference code.
      confidence_weight: lambda before the first step; 0.1 in the reference code.
    """

    budget: float = option(0.3, more_than=0)
    confidence_weight: float = option(0.1, more_than=0)

    validated_by: ClassVar[tuple[str, ...]] = ("classification", "own_confidence")
    tested_by: ClassVar[tuple[str, ...]] = ("classification", "own_confidence")

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the classifier, and one linear output for the confidence."""
        return {**super().heads(num_classes, teachers), "confidence": Head(1)}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy with hints, and -log c."""
        del teachers
        label = context.batch["label"]
        hinted = jax.random.bernoulli(own_key(context.key, _DRAW), 0.5, label.shape)
        value = losses.hinted_cross_entropy(
            student["logits"], student["confidence"][:, 0], label, hinted
        )
        weight = context.memory["confidence_weight"]
        return {
            "cross_entropy": Term(1.0, value),
            "confidence": Term(weight, _price(student)),
        }

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the accuracy, the mean confidence, and the weight of the term -log c."""
        return {
            **super().metrics(student, teachers, context),
            "confidence": jnp.mean(jax.nn.sigmoid(student["confidence"])),
            "confidence_weight": context.memory["confidence_weight"],
        }

    def init_memory(self, sizes: Sizes) -> Memory:
        """Returns the weight of the first step."""
        weight = jnp.asarray(self.confidence_weight, jnp.float32)
        return {**super().init_memory(sizes), "confidence_weight": weight}

    def remember(
        self, student: Outputs, teachers: Taught, context: Context, variables: Any
    ) -> Memory:
        """Returns the memory with the weight moved by one hundredth."""
        kept = super().remember(student, teachers, context, variables)
        cheap = self.budget > jnp.mean(_price(student))
        weight = context.memory["confidence_weight"] * jnp.where(cheap, _DOWN, _UP)
        return {**kept, "confidence_weight": weight}


def _price(student: Outputs) -> jax.Array:
    """Returns -log c of each clip, float32 [b]."""
    confidence = student["confidence"][:, 0]
    return losses.binary_cross_entropy(confidence, jnp.ones_like(confidence))
