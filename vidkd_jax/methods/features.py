"""Distillation of a teacher's features: pooled ones, blocks, attention, relations."""

import dataclasses
from collections.abc import Iterator, Mapping

import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.errors import InputError
from vidkd_jax.methods.base import Context, Outputs, Shapes, Taught, Term
from vidkd_jax.methods.sources import Frozen, Source
from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.options import option


@dataclasses.dataclass(frozen=True)
class FeatureMatching(Supervised):
    """MARS: total = cross-entropy + feature_weight * MSE(pooled features) (Crasto et al., eq. 3).

    With a teacher that sees optical flow it is "Flow-to-RGB" of TY's Table 5. Where the teacher's
    features are of another width, a linear layer on the student's brings them to it.

    Attributes:
      feature_weight: alpha of eq. 3; 50 in the paper.
    """

    feature_weight: float = option(50.0, at_least=0)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network, whose classifier is not read."""
        return (Frozen(most=1, reads_features=True),)

    def adapters(self, student: Shapes, teachers: tuple[Shapes, ...]) -> Mapping[str, int]:
        """Returns the width of the teacher's features, where the student's is another."""
        ours, theirs = (shapes["features"].shape[-1] for shapes in (student, teachers[0]))
        return {} if ours == theirs else {"features": theirs}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and the distance of the pooled features."""
        ours = student.get("features/adapted", student["features"])
        value = losses.mean_squared_error(ours, teachers["frozen"][0]["features"])
        terms = super().terms(student, teachers, context)
        return {**terms, "features": Term(self.feature_weight, value)}


@dataclasses.dataclass(frozen=True)
class _FromBlocks(Supervised):
    """A method that compares blocks of the student with blocks of one teacher, pair by pair.

    Attributes:
      student_blocks: names of blocks; `python -m vidkd_jax.models --taps=NAME` lists them.
      blocks_of_teacher: as many blocks of the teacher.
    """

    student_blocks: tuple[str, ...] = ()
    blocks_of_teacher: tuple[str, ...] = ()

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network, of which blocks are read."""
        return (Frozen(most=1, blocks=self.blocks_of_teacher, reads_features=True),)

    def __post_init__(self) -> None:
        super().__post_init__()
        each_once = len(set(self.student_blocks)) == len(self.student_blocks) > 0
        named = all(isinstance(b, str) for b in (*self.student_blocks, *self.blocks_of_teacher))
        if not named or not each_once or len(self.student_blocks) != len(self.blocks_of_teacher):
            raise InputError(
                "config.method.student_blocks and method.blocks_of_teacher: name as many blocks of "
                "one as of the other, at least one, each of the student's once; "
                "python -m vidkd_jax.models --taps=BACKBONE lists them"
            )

    @property
    def blocks(self) -> tuple[str, ...]:
        """Those of the student."""
        return self.student_blocks

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return zip(self.student_blocks, self.blocks_of_teacher, strict=True)


@dataclasses.dataclass(frozen=True)
class Hints(_FromBlocks):
    """FitNets: total = cross-entropy + hint_weight * MSE(adapted block, teacher's block).

    Romero et al. 2015 train the hinted layers first and then all by distillation; here both losses
    train together, with the mean squared error and the weight of RepDistiller's comparison (Tian et
    al. 2020). A 1x1x1 convolution adapts the channels, without the norm and the ReLU that
    RepDistiller puts behind it, and the larger of both outputs is averaged to the size of the
    smaller.

    Attributes:
      hint_weight: of each pair of blocks; 100 in RepDistiller.
    """

    hint_weight: float = option(100.0, at_least=0)

    def adapters(self, student: Shapes, teachers: tuple[Shapes, ...]) -> Mapping[str, int]:
        """Returns the channels of the teacher's blocks: always a layer, as FitNets has."""
        del student
        return {ours: teachers[0][theirs].shape[-1] for ours, theirs in self._pairs()}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and a term for each pair of blocks."""
        terms = super().terms(student, teachers, context)
        for ours, theirs in self._pairs():
            value = losses.mean_squared_error(
                *losses.align(student[f"{ours}/adapted"], teachers["frozen"][0][theirs])
            )
            terms[f"hint_{ours}"] = Term(self.hint_weight, value)
        return terms


@dataclasses.dataclass(frozen=True)
class AttentionTransfer(_FromBlocks):
    """Total = cross-entropy + attention_weight * distance of attention maps.

    Zagoruyko & Komodakis 2017, eq. 2, with the mean over a map's positions as in their code. The
    larger of both blocks is averaged to the size of the smaller before it is squared, as in
    RepDistiller.

    Attributes:
      attention_weight: of each pair of blocks; 1000 in their code (beta).
    """

    attention_weight: float = option(1000.0, at_least=0)

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and a term for each pair of blocks."""
        terms = super().terms(student, teachers, context)
        for ours, theirs in self._pairs():
            value = losses.attention_transfer(student[ours], teachers["frozen"][0][theirs])
            terms[f"attention_{ours}"] = Term(self.attention_weight, value)
        return terms


@dataclasses.dataclass(frozen=True)
class Relational(Supervised):
    """Relational KD: cross-entropy + distances and angles of pooled features (Park et al. 2019).

    Attributes:
      distance_weight: of the distance-wise loss; 25 in the paper.
      angle_weight: of the angle-wise loss; 50 in the paper.
    """

    distance_weight: float = option(25.0, at_least=0)
    angle_weight: float = option(50.0, at_least=0)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """One trained network, whose classifier is not read."""
        return (Frozen(most=1, reads_features=True),)

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy and the two relational terms."""
        ours, theirs = student["features"], jnp.asarray(teachers["frozen"][0]["features"])
        return {
            **super().terms(student, teachers, context),
            "distance": Term(self.distance_weight, losses.relational_distance(ours, theirs)),
            "angle": Term(self.angle_weight, losses.relational_angle(ours, theirs)),
        }
