"""DistInit, a teacher's features as targets: what DTG-Net compares itself with."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.methods import guidance
from vidkd_jax.methods.base import Context, Outputs, Shapes, Taught, Term
from vidkd_jax.methods.defaults import WithoutLabels
from vidkd_jax.methods.sources import Frozen, Source
from vidkd_jax.models import Head
from vidkd_jax.options import choice
from vidkd_jax.samplers import Sampler, Segments

DISTANCES = ("l1", "cross_entropy")
_ANCHOR = "anchor0"


@dataclasses.dataclass(frozen=True)
class DistInit(WithoutLabels):
    """The baseline of DTG-Net: the student copies a teacher's features (Girdhar et al. 2019).

    Attributes:
      distance: "l1", the mean absolute difference; or "cross_entropy" between the softmax of both.
      guided_by: which output of the teacher is copied; see `DifferentiatedTeachers`.
    """

    distance: str = choice("l1", DISTANCES)
    guided_by: str = guidance.FEATURES

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network; a still-image one sees every frame."""
        read = guidance.blocks(self.guided_by)
        return (Frozen(most=1, blocks=read, reads_features=True, all_frames=True),)

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns the sampler of one sparse sequence, which both see."""
        del stride
        return Segments(frames)

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns a linear map to the teacher's features."""
        del num_classes
        (shapes,) = teachers
        return {_ANCHOR: Head(shapes[self.guided_by].shape[-1], training_only=True)}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the distance."""
        del context
        anchor, (outputs,) = student[_ANCHOR], teachers["frozen"]
        teacher = guidance.pooled(outputs, self.guided_by)
        if self.distance == "l1":
            return {"l1": Term(1.0, losses.mean_absolute_error(anchor, teacher))}
        targets = losses.soft_targets(jax.lax.stop_gradient(teacher), 1.0)
        value = -jnp.sum(targets * jax.nn.log_softmax(anchor), axis=-1)
        return {"cross_entropy": Term(1.0, value)}

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns nothing."""
        del student, teachers, context
        return {}
