"""The teachers of a run. This file alone knows what each kind of source means."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from vidkd_jax import samplers
from vidkd_jax.errors import InputError
from vidkd_jax.methods import BestPast, Frozen, Source
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.run.train_step import BySource, TrainState
from vidkd_jax.run.trained import Teacher, frozen_source, knows_classes
from vidkd_jax.samplers import Sampler
from vidkd_jax.settings.settings import Settings


@dataclasses.dataclass(frozen=True)
class Teachers:
    """The teachers of a run, by the name of their source.

    Attributes:
      sources: where they come from, as the method says.
      networks: one for each teacher; a source of the student's own kind has one.
      first: variables before any promotion. A source is missing whose teacher is not there yet, or
        lives in the state.
      know_classes: sources whose classifiers answer in the run's classes. They are asked about
        evaluation clips, where the student's classifier or an evaluator is compared with them.
    """

    sources: tuple[Source, ...]
    networks: BySource
    first: BySource
    know_classes: frozenset[str]

    def promoted(self, teachers: BySource, student: Variables) -> BySource:
        """Returns the teachers after the student has set a new best on validation."""
        return {**teachers, BestPast.name: (weights.student_of(student),)}

    @property
    def promotes(self) -> bool:
        """Whether a new best student becomes a teacher (TY, Algorithm 1, line 21)."""
        return any(isinstance(source, BestPast) for source in self.sources)

    def moving(self, state: TrainState) -> BySource:
        """Returns the teachers that move with every step: an average, a peer."""
        found = {s.name: (state.memory[s.name],) for s in self.sources if s.in_memory}
        if "peer" in self.networks:
            params, batch_stats = state.variables.params, state.variables.batch_stats
            found["peer"] = (Variables(params["peer"], batch_stats["peer"]),)
        return found

    def shares(self, name: str) -> tuple[float, ...] | None:
        """Returns the weights of a source's teachers; None: all alike."""
        source = next(source for source in self.sources if source.name == name)
        return (isinstance(source, Frozen) and source.weights) or None


def dtype(settings: Settings) -> str:
    """Returns the type that teachers compute in."""
    return settings.teachers.dtype or settings.model.dtype


def widened(sampler: Sampler, teachers: Sequence[Teacher]) -> Sampler:
    """Returns the sampler whose clips hold the teachers' frames, too.

    A teacher's clip has the same middle as the student's, and may begin before it.
    """
    if sampler.offsets is None or not teachers:
        return sampler
    own = sampler.offsets
    return sampler.reading(sorted({*own, *(o for t in teachers for o in _offsets(own, t.card))}))


def _offsets(student: Sequence[int], card: weights.Card) -> tuple[int, ...]:
    """Returns the frames that a teacher sees, counted from the start of the student's clip."""
    teacher = card.stride * np.arange(card.frames)
    return tuple((teacher + samplers.start_beside(student, teacher.tolist())).tolist())


def places(own: Sampler, all_frames: Sampler, card: weights.Card | None) -> tuple[int, ...] | None:
    """Returns where the frames of a network stand among those of a clip; None: they are all of it.

    Args:
      own: the student's sampler.
      all_frames: the one whose clips hold the frames of all networks.
      card: of a teacher; None for the student.

    Raises:
      InputError: the clips are not regular, and too short for the teacher.
    """
    if own.offsets is None or all_frames.offsets is None:
        frames = own.centre(own.span).shape[1]
        if card is not None and card.frames > frames:
            raise InputError(
                f"config.teachers.runs: a teacher sees {card.frames} frames, but the method draws "
                f"{own.describe()}; use a teacher of at most {frames} frames"
            )
        if card is None or card.frames == frames:
            return None
        return tuple(((np.arange(card.frames) + 0.5) * frames / card.frames).astype(int).tolist())
    wanted = own.offsets if card is None else _offsets(own.offsets, card)
    return samplers.places(wanted, all_frames.offsets)


def frozen_networks(
    settings: Settings, teachers: Sequence[Teacher], own: Sampler, all_frames: Sampler
) -> tuple[Network, ...]:
    """Returns the networks of the trained teachers, each with what it sees of a batch's clips."""
    source = frozen_source(settings.method.teachers)
    if source is None:
        return ()
    return tuple(
        Network(
            model=weights.network_of(teacher.card, dtype(settings), heads=source.heads).clone(
                taps=source.blocks
            ),
            frames=None
            if source.all_frames and teacher.card.frames == 1
            else places(own, all_frames, teacher.card),
            size=teacher.card.size or settings.data.crop,
            view="flow"
            if teacher.card.in_channels == 2 and settings.data.modality != "flow"
            else "clip",
            clips=source.clips,
        )
        for teacher in teachers
    )


def assemble(
    sources: tuple[Source, ...],
    frozen: Sequence[tuple[Network, Variables]],
    own_kind: Network,
    fresh: Variables | None,
    *,
    cards: Sequence[weights.Card],
    class_names: Sequence[str],
    read: Collection[str] = (),
) -> Teachers:
    """Pairs every teacher's network with its variables.

    Args:
      sources: of the method.
      frozen: the trained networks and their variables, on all devices.
      own_kind: a network like the student: its past self, its average, its peer.
      fresh: variables that nothing trained, for a past self that begins with them; None: without.
      cards: of the frozen ones.
      class_names: of the run, by label.
      read: sources whose answers the method's evaluators read.
    """
    networks: dict[str, tuple[Network, ...]] = {}
    first: dict[str, tuple[Variables, ...]] = {}
    for source in sources:
        if isinstance(source, Frozen):
            networks[source.name] = tuple(network for network, _ in frozen)
            first[source.name] = tuple(variables for _, variables in frozen)
        else:
            networks[source.name] = (own_kind,)
        if isinstance(source, BestPast) and fresh is not None:
            first[source.name] = (fresh,)
    has_classifier = "logits" in own_kind.model.heads
    know = {name for name in networks if name != Frozen.name and has_classifier}
    see_the_same = all(network.clips == own_kind.clips for network, _ in frozen)
    if (
        cards
        and (has_classifier or Frozen.name in read)
        and see_the_same
        and all(knows_classes(card, class_names) for card in cards)
    ):
        know.add(Frozen.name)
    return Teachers(sources, networks, first, frozenset(know))


def begins_random(sources: Sequence[Source]) -> bool:
    """Whether a past self begins as a network that nothing trained."""
    return any(isinstance(source, BestPast) and source.first == "random" for source in sources)


def trains_beside(sources: Sequence[Source]) -> bool:
    """Whether a second student trains beside the first one."""
    return any(source.name == "peer" for source in sources)


def forward_passes(sources: Sequence[Source]) -> Mapping[str, int]:
    """Returns what a step of a method costs besides its student's step and its frozen teachers.

    Returns:
      "forward": forward passes of networks of the student's kind; "step": whole further steps.
    """
    own = [source for source in sources if not isinstance(source, Frozen)]
    beside = sum(source.name == "peer" for source in own)
    return {"forward": len(own) - beside, "step": beside}
