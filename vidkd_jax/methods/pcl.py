"""Pretext-contrastive learning (PCL), without labels."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax import augment, losses
from vidkd_jax.augment import pretext
from vidkd_jax.errors import InputError
from vidkd_jax.methods import banks
from vidkd_jax.methods.base import Batch, Context, Outputs, Shapes, Sizes, Taught, Term, own_key
from vidkd_jax.methods.defaults import Defaults
from vidkd_jax.methods.sources import Memory
from vidkd_jax.models import Head
from vidkd_jax.options import choice, option
from vidkd_jax.runtime.materialise import materialise_on_cpu
from vidkd_jax.samplers import Sampler, Tuples

CONTRASTS = ("in_batch", "banks", "none")
WINDOWS = ("clip", "tuple")
CLASSIFIED = ("tuple", "clip")
_LABELS, _TRANSFORMS, _NEGATIVES = 0, 1, 2  # of the own keys of a step
_BANKS = ("first_bank", "last_bank")
_EVALUATION = 0  # seed of the transforms of evaluation clips, alike in all runs


@dataclasses.dataclass(frozen=True)
class PretextContrast(Defaults):
    """Total = pretext cross-entropy + contrast_weight * contrast (PCL+KD 2024, eq. 1 to 5).

    The student sees `tuple_length` clips of a video, of which only the middle one is transformed,
    and tells by which of five transforms. The contrast is between the first and the last clip.

    Attributes:
      tuple_length: clips of a video; 3 in the paper.
      interval: frames between two clips; 8 in the paper. In PCL's released code clips of 16 frames
        start 11 apart and so overlap, against its own words: an interval of -5.
      quadrants: see `augment.pretext.Pretext`.
      segments: likewise.
      fifth: likewise. With "remote" a video that has no room for a clip from far away has no fifth
        transform, and another one is drawn, as in the released code.
      remote_gap: frames at least between the tuple and the remote clip; 16 in the code.
      windows: whether each "clip" is cut by a window of its own, as in the code, or all clips of a
        "tuple" by one, which may tell its first and last clip by the scene. The paper does not say.
      classified: what the transform is told from: all clips of the "tuple", as in the code, or the
        transformed "clip" alone, as eq. 1 of the paper has it.
      contrast: "in_batch": `losses.two_clip_contrast`, the paper's; "banks": the released code's
        two banks of features; "none".
      contrast_weight: alpha of eq. 5; 0.5 in the paper.
      contrast_temperature: 0.07 in the code.
      negatives: drawn from a bank for each clip, with replacement; 1,024 in the code.
      bank_momentum: the share of a bank's row that stays; 0.5 in the code.
      split_banks: splits the banks over the devices, where they are too large for one.
      projection: width of the features that are contrasted; 128 in the code.
      hidden: of the projection's hidden layer; 512 in the code.
    """

    tuple_length: int = option(3, at_least=3)
    interval: int = 8
    quadrants: str = choice("random", pretext.QUADRANTS)
    segments: str = choice("adjacent", pretext.SEGMENTS)
    fifth: str = choice("repeat", pretext.FIFTH)
    remote_gap: int = option(16, at_least=0)
    windows: str = choice("clip", WINDOWS)
    classified: str = choice("tuple", CLASSIFIED)
    contrast: str = choice("in_batch", CONTRASTS)
    contrast_weight: float = option(0.5, at_least=0)
    contrast_temperature: float = option(0.07, more_than=0)
    negatives: int = option(1024, at_least=1)
    bank_momentum: float = option(0.5, at_least=0, less_than=1)
    split_banks: bool = False
    projection: int = option(128, at_least=1)
    hidden: int = option(512, at_least=1)

    validated_by: ClassVar[tuple[str, ...]] = ("pretext",)
    tested_by: ClassVar[tuple[str, ...]] = ("pretext", "linear_probe", "nearest_neighbours")
    selected_on: ClassVar[str] = "pretext_top1"

    def __post_init__(self) -> None:
        super().__post_init__()
        contrast, fifth = f"contrast='{self.contrast}'", f"fifth='{self.fifth}'"
        unread = {"remote_gap": fifth} if self.fifth != "remote" else {}
        if self.contrast != "banks":
            unread |= dict.fromkeys(("negatives", "bank_momentum", "split_banks"), contrast)
        if self.contrast == "none":
            unread |= dict.fromkeys(("contrast_weight", "contrast_temperature"), contrast)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in unread and value != field.default:
                raise InputError(
                    f"config.method.{field.name}: {value!r}, but {unread[field.name]} does not "
                    "read it; leave it out"
                )

    @property
    def clips(self) -> tuple[int, ...] | None:
        """The tuple; a remote clip takes the middle one's place or is not seen."""
        return tuple(range(self.tuple_length)) if self.fifth == "remote" else None

    @property
    def sharded_memory(self) -> tuple[str, ...]:
        """The banks, where they are to be split."""
        return _BANKS if self.split_banks and self.contrast == "banks" else ()

    def heads(self, num_classes: int, teachers: tuple[Shapes, ...]) -> Mapping[str, Head]:
        """Returns the classifier of transforms, and the projection of each clip."""
        del num_classes, teachers
        over = "tuple" if self.classified == "tuple" else "middle"
        return {
            "pretext": Head(len(pretext.TRANSFORMS), over=over),
            "projection": Head(self.projection, hidden=self.hidden, unit=True),
        }

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns the sampler of tuples, with a remote clip after them where there is one.

        Raises:
          InputError: with this interval a clip would not begin after the one before it.
        """
        shortest = -(frames - 1) * stride  # a clip begins after the one before
        if self.interval < shortest:
            raise InputError(
                f"config.method.interval: {self.interval}, but clips of {frames} frames, {stride} "
                f"apart, would then not begin one after the other; use {shortest} or more"
            )
        gap = self.remote_gap if self.fifth == "remote" else None
        return Tuples(
            frames,
            stride,
            self.tuple_length,
            self.interval,
            remote_gap=gap,
            own_windows=self.windows == "clip",
        )

    def views(self, key: jax.Array, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns augmented clips, the middle one of each tuple transformed.

        Raises:
          InputError: the clips are not RGB, or cannot be cut into quadrants and segments.
        """
        if "flow" in batch:
            raise InputError(
                "config.data.modality: a teacher of flow would see other clips than PCL's "
                "transformed ones; use 'rgb', and a teacher of it"
            )
        # The transforms read each pixel several times.
        never = jnp.any(batch["video"] < 0)
        seen = materialise_on_cpu(super().views(key, batch)["clip"], never)
        keys = jax.random.split(own_key(key, _TRANSFORMS), len(seen))
        return {"clip": self._transformed(seen, self._labels(key, batch), keys)}

    def variants(self, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns each tuple after each of the five transforms, [b, 5, n, t, h, w, c].

        How far a clip is rotated and what is swapped depends on the number of its video alone.
        Where a video has no room for a remote clip, the fifth is not possible.
        """
        clips = augment.plain(batch)["clip"]
        key = jax.random.key(_EVALUATION)
        keys = jax.vmap(lambda video: jax.random.fold_in(key, video))(batch["video"])
        every = [
            self._transformed(clips, jnp.full(len(clips), label), keys)
            for label in range(len(pretext.TRANSFORMS))
        ]
        return {"clip": jnp.stack(every, axis=1), "possible": self._possible(batch)}

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy of the transforms and the contrast."""
        del teachers
        labels = self._labels(context.key, context.batch)
        terms = {"pretext": Term(1.0, losses.cross_entropy(student["pretext"], labels))}
        if self.contrast != "none" and self.contrast_weight:
            terms["contrast"] = Term(self.contrast_weight, self._contrast(student, context))
        return terms

    def metrics(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, jax.Array]:
        """Returns the accuracy on the batch: of the transforms, not of the videos' classes."""
        del teachers
        labels = self._labels(context.key, context.batch)
        return {"pretext_top1": jnp.mean(jnp.argmax(student["pretext"], axis=-1) == labels)}

    def init_memory(self, sizes: Sizes) -> Memory:
        """Returns two banks, of first and of last clips, where they are used."""
        memory = super().init_memory(sizes)
        if self.contrast != "banks":
            return memory
        keys = jax.random.split(sizes.key, len(_BANKS))
        made = [banks.first_bank(key, sizes.num_videos, self.projection) for key in keys]
        filled = dict(zip(_BANKS, made, strict=True))
        return {**memory, **filled, "videos": jnp.asarray(sizes.num_videos)}

    def remember(
        self, student: Outputs, teachers: Taught, context: Context, variables: object
    ) -> Memory:
        """Returns the memory with the rows of the batch's videos moved."""
        memory = super().remember(student, teachers, context, variables)
        if self.contrast != "banks":
            return memory
        videos = context.batch["video"]
        moved = {
            name: banks.move_bank(memory[name], videos, seen, self.bank_momentum)
            for name, seen in zip(_BANKS, _ends(student), strict=True)
        }
        return {**memory, **moved}

    def _contrast(self, student: Outputs, context: Context) -> jax.Array:
        first, last = _ends(student)
        videos, temperature = context.batch["video"], self.contrast_temperature
        if self.contrast == "in_batch":
            return losses.two_clip_contrast(first, last, videos, temperature=temperature)
        # As in the released code: each end against the bank of the other one. The right answer is
        # the video's own row; one of the drawn rows may be it, too.
        total = jnp.zeros(len(videos))
        for number, (query, name) in enumerate(zip((last, first), _BANKS, strict=True)):
            key = jax.random.fold_in(own_key(context.key, _NEGATIVES), number)
            shape = (len(videos), self.negatives)
            drawn = jax.random.randint(key, shape, 0, context.memory["videos"])
            bank = context.memory[name]
            right = jnp.sum(query * bank[videos], axis=-1)
            wrong = jnp.einsum("bd,bkd->bk", query, bank[drawn])
            total += losses.info_nce(right, wrong, temperature=temperature)
        return total

    def _labels(self, key: jax.Array, batch: Batch) -> jax.Array:
        """Returns which transform the middle clips undergo in a step, int [b]."""
        return pretext.draw_labels(own_key(key, _LABELS), self._possible(batch))

    def _possible(self, batch: Batch) -> jax.Array:
        """Returns which transforms each tuple can undergo, bool [b, 5]."""
        possible = jnp.ones((len(batch["clip"]), len(pretext.TRANSFORMS)), bool)
        if self.fifth == "remote":
            possible = possible.at[:, -1].set(self._is_far(batch["clip"]))
        return possible

    def _is_far(self, clips: jax.Array) -> jax.Array:
        """Returns where the last clip is a remote one, bool [b]; else it is the middle one."""
        middle, remote = clips[:, self.tuple_length // 2], clips[:, -1]
        return jnp.any(middle != remote, axis=(1, 2, 3, 4))

    def _transformed(self, clips: jax.Array, labels: jax.Array, keys: jax.Array) -> jax.Array:
        """Returns clips [b, n, t, h, w, c] with the middle one of each tuple transformed."""
        if clips.shape[-1] != 3:
            raise InputError(
                "config.data.modality: PCL rotates clips, and a rotated flow would be another "
                "motion; use 'rgb'"
            )
        options = pretext.Pretext(self.quadrants, self.segments, self.fifth)
        middle = self.tuple_length // 2
        remote = clips[:, -1] if self.fifth == "remote" else None
        axes = (0, 0, 0, None if remote is None else 0)
        moved = jax.vmap(options.transform, axes)(clips[:, middle], labels, keys, remote)
        return clips.at[:, middle].set(moved)


def _ends(student: Outputs) -> tuple[jax.Array, jax.Array]:
    """Returns the projections of first and last clips, each [b, d]."""
    return student["projection"][:, 0], student["projection"][:, -1]
