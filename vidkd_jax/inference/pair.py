"""The networks that answer: a teacher, and perhaps a sampler that says which clips it must see.

The clips are the teacher's: with all of them it gives the answers of its own evaluation. The
sampler sees frames around the same middle, at its own stride, size and scale, as it saw them beside
the teacher's clips while it was trained.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax

from vidkd_jax import samplers
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.errors import InputError
from vidkd_jax.inference.loaded import CONFIDENCE, Cutting, Loaded
from vidkd_jax.inference.sources import Reading
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.networks.predicting import predict_step
from vidkd_jax.samplers import Contiguous, Sampler

_ALIKE = 0.05  # difference of two windows' shares of a frame that is due to rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A network, what it sees of the clips that are read, and which of its outputs are wanted.

    Attributes:
      network: with its view of the clips.
      variables: its weights.
      outputs: names.
      temperature: that its logits are divided by.
      clip_temperature: that those of a clip alone are to be divided by instead.
    """

    network: Network
    variables: Variables
    outputs: tuple[str, ...]
    temperature: float = 1.0
    clip_temperature: float = 1.0

    @property
    def of_clip(self) -> float:
        """The factor that makes its answer of a clip of many the answer of a clip alone."""
        return self.temperature / self.clip_temperature

    @functools.cached_property
    def step(self) -> Callable[[Variables, Mapping[str, Any]], Mapping[str, jax.Array]]:
        """The compiled prediction of a batch."""
        as_it_is = partial(predict_step, network=self.network, outputs=self.outputs)
        if self.temperature == 1:  # to the bit what the run's evaluation computes
            return jax.jit(as_it_is)
        return jax.jit(partial(_calibrated, predict=as_it_is, temperature=self.temperature))


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """The networks, and the clips that they see.

    Attributes:
      teacher: gives the answers.
      sampler: sees all clips before; None: there is none. It is `teacher` itself where a single
        network chooses among its own clips.
      spec: cuts clips that hold every frame that either network sees.
      own: the teacher's frames, which say when a clip begins and ends.
      cutting: how videos become frames, and how the answers are averaged.
      class_names: by label.
      is_one_of_two: whether `teacher` is so called though no sampler is beside it here.
    """

    teacher: Asked
    sampler: Asked | None
    spec: ClipSpec
    own: Sampler
    cutting: Cutting
    class_names: tuple[str, ...]
    is_one_of_two: bool = False

    @property
    def is_alone(self) -> bool:
        """Whether there is a single network, which is neither teacher nor sampler."""
        return not self.is_one_of_two and self.sampler in (None, self.teacher)

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """The shape of the pixels of a clip, (n, t, h, w, 3)."""
        clips, crop = self.spec.sampler, self.spec.crop
        return (*clips.centre(clips.span).shape, crop, crop, 3)

    def reading(self, max_clips: int | None) -> Reading:
        """Returns how the clips of a video are read.

        Args:
          max_clips: that a video has at most, spread evenly; None: all that do not overlap.
        """
        return Reading(self.spec, self.own, self.cutting.short_side, self.cutting.fps, max_clips)


def _calibrated(
    variables: Variables,
    batch: Mapping[str, Any],
    *,
    predict: Callable[..., Mapping[str, jax.Array]],
    temperature: float,
) -> Mapping[str, jax.Array]:
    """Returns the outputs, the logits divided by the temperature."""
    found = predict(variables, batch)
    if "logits" not in found:
        return found
    return {**found, "logits": found["logits"] / temperature}


def pair(teacher: Loaded, sampler: Loaded | None) -> Pair:
    """Puts a teacher and a sampler side by side.

    Args:
      teacher: the network that answers.
      sampler: the network that sees all clips; None: none does; `teacher`: it does so itself.

    Raises:
      InputError: the teacher cannot answer, or the two do not fit each other.
    """
    if not teacher.card.answers:
        raise InputError(
            f"{teacher.name}: its classifier is random: the checkpoint had none for these "
            "classes; train it first (model.init_from)"
            if teacher.card.num_classes
            else f"{teacher.name}: has no classifier; {_use_without_classifier(teacher)}"
        )
    own = _clips_of(teacher.card)
    if sampler is None or sampler is teacher:
        asked = _asked(teacher, None, own)
        return _assemble(teacher, asked, None if sampler is None else asked, own, own)
    check_fit(teacher, sampler)
    return side_by_side(teacher, sampler)


def _use_without_classifier(loaded: Loaded) -> str:
    """Returns what can be done with a network that names no classes."""
    if loaded.believes:
        return "name it with --run, and the network that is to answer with --teacher"
    return "train a run with labels from it (model.init_from), and name that one"


def side_by_side(teacher: Loaded, sampler: Loaded) -> Pair:
    """Returns a teacher and a sampler of contiguous clips, whose frames have one middle."""
    own = contiguous(teacher)
    beside = contiguous(sampler).offsets
    shift = samplers.start_beside(beside, own.offsets)  # as while the sampler was trained
    moved = [offset - shift for offset in beside]
    everything = tuple(sorted({*own.offsets, *moved}))
    clips = own if everything == own.offsets else own.reading(everything)
    return _assemble(
        teacher,
        _asked(teacher, samplers.places(own.offsets, everything), clips),
        _asked(sampler, samplers.places(moved, everything), clips),
        own,
        clips,
    )


def check_fit(teacher: Loaded, sampler: Loaded) -> None:
    """Refuses a sampler that cannot choose for a teacher.

    Raises:
      InputError: says in which way the two differ.
    """
    if sampler.card.answers:
        _check_classes(teacher, sampler)
    elif not sampler.believes:
        raise InputError(
            f"{sampler.name}: has neither a classifier nor a head '{CONFIDENCE}', so it cannot "
            "choose clips; give a run that was trained to"
        )
    of_teacher, of_sampler = teacher.card, sampler.card
    known = not (of_teacher.source or of_sampler.source)  # converted weights do not know their rate
    if known and of_teacher.fps != of_sampler.fps:
        raise InputError(
            f"{sampler.name}: was trained with data.fps={of_sampler.fps:g}, but {teacher.name} "
            f"with {of_teacher.fps:g}; give runs of one frame rate"
        )
    cuttings = teacher.cutting, sampler.cutting
    shares = [cutting.crop / cutting.short_side for cutting in cuttings]
    if all(cutting.known for cutting in cuttings) and abs(shares[0] - shares[1]) > _ALIKE:
        raise InputError(
            f"{sampler.name}: sees {shares[1]:.0%} of a frame's short side (data.crop of "
            f"data.short_side), {teacher.name} {shares[0]:.0%}; give runs that see as much"
        )
    if teacher.cutting.still != sampler.cutting.still:
        still = teacher if teacher.cutting.still else sampler
        raise InputError(
            f"{still.name}: sees a single frame of each clip (data.sampler='still'), the other "
            "network sees motion; give two runs that see the same"
        )


def _check_classes(teacher: Loaded, sampler: Loaded) -> None:
    its = teacher.card
    if other := sampler.card.other_classes(its.num_classes, its.class_names):
        raise InputError(
            f"{sampler.name}: {other} as {teacher.name}; give a sampler and a teacher of the same "
            "classes"
        )


def _clips_of(card: Card) -> Sampler:
    if card.sampler:
        return samplers.from_json(card.sampler)
    return Contiguous(card.frames, card.stride)


def contiguous(loaded: Loaded) -> Contiguous:
    """Returns how a network's clips are drawn.

    Raises:
      InputError: they are not single contiguous clips.
    """
    clips = _clips_of(loaded.card)
    if not isinstance(clips, Contiguous):
        raise InputError(
            f"{loaded.name}: sees {clips.describe()}; only single contiguous clips can be chosen "
            "one by one"
        )
    return clips


def _asked(loaded: Loaded, frames: tuple[int, ...] | None, clips: Sampler) -> Asked:
    """Returns a network beside its places of the frames that a sampler reads; None: all of them."""
    if loaded.cutting.still:
        frames = samplers.still_places(frames, clips)
    heads = (CONFIDENCE,) if loaded.believes else ()
    outputs = (*(("logits",) if loaded.card.answers else ()), *heads)
    card = loaded.card
    network = Network(
        weights.network_of(card, heads=heads, dtype=loaded.dtype),
        frames=frames,
        size=card.size or None,
        clips=card.clips,
    )
    temperatures = loaded.temperature, loaded.clip_temperature
    return Asked(network, jax.device_put(loaded.variables), outputs, *temperatures)


def _assemble(
    teacher: Loaded, asked: Asked, sampler: Asked | None, own: Sampler, clips: Sampler
) -> Pair:
    card, cutting = teacher.card, teacher.cutting
    names = card.class_names or tuple(str(label) for label in range(card.num_classes))
    spec = ClipSpec(clips, cutting.crop)
    return Pair(asked, sampler, spec, own, cutting, tuple(names))
