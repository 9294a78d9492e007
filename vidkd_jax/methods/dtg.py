"""DTG-Net: several differentiated teachers guide a student by contrast, with or without labels."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import losses
from vidkd_jax.errors import InputError
from vidkd_jax.methods import guidance as guidance_lib
from vidkd_jax.methods import queues
from vidkd_jax.methods.base import Context, Outputs, Shapes, Sizes, Taught, Term
from vidkd_jax.methods.defaults import Defaults, WithoutLabels
from vidkd_jax.methods.sources import Frozen, Memory, Source, check_weights
from vidkd_jax.models import Head
from vidkd_jax.options import choice, option
from vidkd_jax.samplers import Sampler, Segments

GUIDANCE = ("sequence", "image")
FUSED = ("losses", "features")


def _anchor(number: int) -> str:
    return f"anchor{number}"


@dataclasses.dataclass(frozen=True)
class DifferentiatedTeachers(WithoutLabels):
    """DTG-Net without labels: total = contrast of anchors with guidance (eq. 1 and 2).

    Two sparse sequences are drawn of each video. The student sees the first one, its features are
    the anchor; the frozen teachers see the second one, their features are the guidance. An anchor
    is drawn to the guidance of its own video and away from that of other videos, which a queue of
    each teacher holds. The student has one linear map to each teacher's width, which only training
    needs: the paper does not say how widths are brought together.

    Attributes:
      overlap: whether the two sequences may share a frame (Table 2). If not, the second one's lies
        half a part after the first one's, in each part.
      guidance: what still-image teachers see: "sequence", all frames of the second sequence, whose
        features are averaged; or "image", any one frame of the video (Table 2).
      queue: K, how many features of earlier batches a queue holds; the paper says that it is fewer
        than there are videos, and no number.
      temperature: tau of eq. 2, which the paper does not give; 0.07 is MoCo's.
      weights: how much each teacher counts (section 4.3.3): "fixed", by `teacher_weights`;
        "offline", by `accuracies`; for each video by itself "online1", by the similarity of its
        positive pair, or "online2", by the rank of this similarity.
      teacher_weights: of "fixed"; (): all alike.
      accuracies: of "offline": what a student of each single teacher reaches (not the teacher), in
        per cent.
      shares: "softmax" of what "offline" and "online" go by, or "division" by its sum. The paper
        has the softmax for "offline", by which ten points leave the better teacher nearly alone,
        and does not say for the others. Online division may leave out for good a teacher whose
        first similarities are small.
      fused: what is weighted, "losses" (section 4.3.3) or "features" (eq. 1). The similarity to a
        weighted sum of features is the weighted sum of the similarities, so that queued features
        carry no old weights. Teachers of one width then share one map; those of several widths,
        whose features have no sum, keep their own.
      unit: whether anchor and guidance have length 1, as MoCo's have, whose loss this is.
      guided_by: which output of the teachers is the guidance: "features", which their classifiers
        read; or one of their blocks, whose mean over all positions it is.

    Raises:
      InputError: an option is out of its range, or two of them do not go together.
    """

    overlap: bool = True
    guidance: str = choice("sequence", GUIDANCE)
    queue: int = option(1024, at_least=1)
    temperature: float = option(0.07, more_than=0)
    weights: str = choice("fixed", guidance_lib.WEIGHTS)
    teacher_weights: tuple[float, ...] = option((), at_least=0)
    accuracies: tuple[float, ...] = option((), at_least=0, at_most=100)
    shares: str = choice("softmax", guidance_lib.SHARES)
    fused: str = choice("losses", FUSED)
    unit: bool = True
    guided_by: str = guidance_lib.FEATURES

    clips: ClassVar[tuple[int, ...]] = (0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.teacher_weights and self.weights != "fixed":
            raise InputError(
                f"config.method.teacher_weights: {self.teacher_weights}, but weights="
                f"'{self.weights}'; leave them out"
            )
        if self.weights == "fixed" and self.shares != "softmax":
            raise InputError(
                f"config.method.shares: '{self.shares}', but weights='fixed' are shares already; "
                "leave it out"
            )
        check_weights(self.teacher_weights)
        if self.guidance == "image" and not self.overlap:
            raise InputError(
                "config.method.overlap: False, but with guidance='image' teachers see any one "
                "frame of the video, which the student may see, too; leave it True"
            )
        if self.accuracies and max(self.accuracies) <= 1:
            raise InputError(
                f"config.method.accuracies: {self.accuracies}; give them in per cent: as shares of "
                "1 all teachers would count nearly alike"
            )
        if (self.weights == "offline") != bool(self.accuracies):
            raise InputError(
                f"config.method.accuracies: {self.accuracies} with weights='{self.weights}'; "
                "'offline' needs one of each teacher, in per cent, and the others none"
            )

    @property
    def teachers(self) -> tuple[Source, ...]:
        """Any number of trained networks, of whatever classes; they see the second sequence."""
        still = self.guidance == "image"
        return (
            Frozen(
                clips=(1,),
                blocks=guidance_lib.blocks(self.guided_by),
                reads_features=True,
                weights=self.teacher_weights,
                all_frames=not still,
                still=still,
            ),
        )

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns the sampler of two sparse sequences; they have no stride."""
        del stride
        images = self.guidance == "image"
        return Segments(frames, sequences=2, overlap=self.overlap, images=images)

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns a linear map to the features of each teacher, or one for all (see `fused`)."""
        del num_classes
        widths = [shapes[self.guided_by].shape[-1] for shapes in teachers]
        count = 1 if self._share_one_map(widths) else len(widths)
        return {
            _anchor(number): Head(widths[number], unit=self.unit, training_only=True)
            for number in range(count)
        }

    def init_memory(self, sizes: Sizes) -> Memory:
        """Returns an empty queue for each teacher.

        Raises:
          InputError: a queue holds as many features as there are training videos, or more.
        """
        if self.queue >= sizes.num_videos:
            raise InputError(
                f"config.method.queue: {self.queue} features, but only {sizes.num_videos} videos "
                "train; use fewer"
            )
        widths = tuple(shapes[self.guided_by].shape[-1] for shapes in sizes.teachers)
        return {**super().init_memory(sizes), "queue": queues.first_queues(self.queue, widths)}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the weighted contrast.

        Raises:
          InputError: there are not as many weights or accuracies as teachers.
        """
        value, _ = self._contrast(student, teachers, context)
        return {"contrast": Term(1.0, value)}

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the mean weight of each teacher (Figure 3)."""
        _, weights = self._contrast(student, teachers, context)
        means = jnp.mean(weights, axis=0)
        return {f"weight{number}": mean for number, mean in enumerate(means)}

    def remember(
        self, student: Outputs, teachers: Taught, context: Context, variables: Any
    ) -> Memory:
        """Returns the memory with the batch's guidance in place of the oldest.

        Raises:
          InputError: the batch is longer than the queues.
        """
        memory = super().remember(student, teachers, context, variables)
        new = self._guidance(teachers)
        queue = queues.enqueue(memory["queue"], new, context.batch["video"], context.step)
        return {**memory, "queue": queue}

    def _contrast(
        self, student: Outputs, teachers: Taught, context: Context
    ) -> tuple[jax.Array, jax.Array]:
        """Returns the loss of each video, [b], and the weight of each teacher, [b, teachers]."""
        queue = context.memory["queue"]
        counted = queues.counted(queue, context.batch["video"])
        pairs, guidance = [], self._guidance(teachers)
        share = self._share_one_map([guide.shape[-1] for guide in guidance])
        for number, guide in enumerate(guidance):
            anchor = student[_anchor(0 if share else number)]
            positive = jnp.sum(anchor * guide, axis=1)
            pairs.append((positive, anchor @ queue["features"][number].T))
        weights = self._weights(pairs, counted)
        how: dict[str, Any] = {"temperature": self.temperature, "counted": counted}
        if self.fused == "features":
            positives = jnp.stack([p for p, _ in pairs], axis=1)
            negatives = jnp.stack([n for _, n in pairs], axis=1)
            fused = (
                jnp.sum(weights * positives, axis=1),
                jnp.sum(weights[:, :, None] * negatives, axis=1),
            )
            return losses.info_nce(*fused, **how), weights
        each = jnp.stack([losses.info_nce(p, n, **how) for p, n in pairs], axis=1)
        return jnp.sum(weights * each, axis=1), weights

    def _share_one_map(self, widths: Sequence[int]) -> bool:
        """Returns whether teachers of these widths are fused into one guidance."""
        return self.fused == "features" and len({*widths}) == 1

    def _guidance(self, teachers: Taught) -> tuple[jax.Array, ...]:
        """Returns what guides of each teacher, float32 [b, width]."""
        found = tuple(guidance_lib.pooled(outs, self.guided_by) for outs in teachers["frozen"])
        if not self.unit:
            return found
        return tuple(
            g / jnp.maximum(jnp.linalg.norm(g, axis=1, keepdims=True), 1e-12) for g in found
        )

    def _weights(self, pairs: list[tuple[jax.Array, jax.Array]], counted: jax.Array) -> jax.Array:
        """Returns the weight of each teacher for each video, [b, teachers]."""
        if self.weights == "online1":
            return guidance_lib.shares_of(jnp.stack([p for p, _ in pairs], axis=1), self.shares)
        if self.weights == "online2":
            ranks = [guidance_lib.rank_score(p, n, counted) for p, n in pairs]
            return guidance_lib.shares_of(jnp.stack(ranks, axis=1), self.shares)
        given, how = self.teacher_weights or (1.0,) * len(pairs), "division"
        if self.weights == "offline":
            given, how = self.accuracies, self.shares
        if len(given) != len(pairs):
            field = "accuracies" if self.weights == "offline" else "teacher_weights"
            raise InputError(
                f"config.method.{field}: {len(given)} for {len(pairs)} teachers; give one each"
            )
        shares = guidance_lib.shares_of(jnp.asarray(given), how)
        return jnp.broadcast_to(shares, (len(counted), len(pairs)))


@dataclasses.dataclass(frozen=True)
class SupervisedDTG(DifferentiatedTeachers):
    """DTG-Net with labels: contrast_weight * contrast + label_weight * cross-entropy (eq. 3).

    Attributes:
      contrast_weight: alpha; 0.1 in the paper.
      label_weight: beta; 1 in the paper.
    """

    contrast_weight: float = option(0.1, at_least=0)
    label_weight: float = option(1.0, more_than=0)

    validated_by: ClassVar[tuple[str, ...]] = Defaults.validated_by
    tested_by: ClassVar[tuple[str, ...]] = (*Defaults.tested_by, "features")
    selected_on: ClassVar[str] = Defaults.selected_on

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the classifier, and those of the contrast."""
        return {"logits": Head(num_classes), **super().heads(num_classes, teachers)}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns both terms."""
        contrast = super().terms(student, teachers, context)["contrast"]
        labels = losses.cross_entropy(student["logits"], context.batch["label"])
        return {
            "cross_entropy": Term(self.label_weight, labels),
            "contrast": Term(self.contrast_weight, contrast.value),
        }

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the accuracy on the batch, and the mean weight of each teacher."""
        right = jnp.argmax(student["logits"], axis=-1) == context.batch["label"]
        return {"top1": jnp.mean(right), **super().metrics(student, teachers, context)}
