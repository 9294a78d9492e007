"""The teachers of a run: what each kind of source is to it.

Averages move in `methods/defaults.py`, a peer's weights are split off in `networks/network.py`, and
`run/validation.py` asks the best past self anew after each promotion.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import jax

from vidkd_jax.evaluation import evaluators
from vidkd_jax.methods import BestPast, Frozen, Peer, Source
from vidkd_jax.networks.network import Network, Variables, part_of, student_of
from vidkd_jax.run import method_checks
from vidkd_jax.run.asking import BySource, in_memory
from vidkd_jax.run.frozen import FrozenTeachers
from vidkd_jax.run.state import TEACHER_STREAM, TrainState, create_variables
from vidkd_jax.run.trained import knows_classes
from vidkd_jax.runtime import sharding
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
        return {**teachers, BestPast.name: (student_of(student),)}

    @property
    def promotes(self) -> bool:
        """Whether a new best student becomes a teacher (TY, Algorithm 1, line 21)."""
        return any(isinstance(source, BestPast) for source in self.sources)

    def moving(self, state: TrainState) -> BySource:
        """Returns the teachers that move with every step: an average, a peer."""
        found = in_memory(self.sources, state.memory)
        if trains_beside(self.sources):
            found[Peer.name] = (part_of(state.variables, "peer"),)
        return found

    def shares(self, name: str) -> tuple[float, ...] | None:
        """Returns the weights of a source's teachers; None: all alike."""
        source = next(source for source in self.sources if source.name == name)
        return (isinstance(source, Frozen) and source.weights) or None


def assemble(
    settings: Settings,
    frozen: FrozenTeachers,
    own_kind: Network,
    fresh: Variables | None,
    class_names: Sequence[str],
) -> Teachers:
    """Pairs every teacher's network with its variables.

    Args:
      settings: of the run.
      frozen: the trained teachers.
      own_kind: a network like the student: its past self, its average, its peer.
      fresh: variables that nothing trained, for a past self that begins with them; None: without.
      class_names: of the run, by label.

    Raises:
      InputError: an evaluator reads answers of teachers that do not know the run's classes.
    """
    method = settings.method
    networks: dict[str, tuple[Network, ...]] = {}
    first: dict[str, tuple[Variables, ...]] = {}
    for source in method.teachers:
        if isinstance(source, Frozen):
            networks[source.name], first[source.name] = frozen.networks, frozen.variables
        else:
            networks[source.name] = (own_kind,)
        if isinstance(source, BestPast) and fresh is not None:
            first[source.name] = (fresh,)
    has_classifier = "logits" in own_kind.model.heads
    know = {name for name in networks if name != Frozen.name and has_classifier}
    read = evaluators.sources_of((*method.validated_by, *method.tested_by))
    if (
        frozen.cards
        and (has_classifier or Frozen.name in read)
        and all(network.clips == own_kind.clips for network in frozen.networks)
        and all(knows_classes(card, class_names) for card in frozen.cards)
    ):
        know.add(Frozen.name)
    method_checks.check_answers(method, know)
    return Teachers(method.teachers, networks, first, frozenset(know))


def random_past(
    sources: Sequence[Source],
    key: jax.Array,
    clip_shape: tuple[int, ...],
    network: Network,
    mesh: jax.sharding.Mesh,
) -> Variables | None:
    """Returns the variables of a past self that nothing trained; None where the method wants none.

    Args:
      sources: of the method.
      key: of the run.
      clip_shape: of the student's input.
      network: of the student's kind.
      mesh: the devices.
    """
    if not any(isinstance(source, BestPast) and source.first == "random" for source in sources):
        return None
    key = jax.random.fold_in(key, TEACHER_STREAM)
    return sharding.replicate(create_variables(key, clip_shape, model=network.model), mesh)


def trains_beside(sources: Sequence[Source]) -> bool:
    """Whether a second student trains beside the first one."""
    return any(isinstance(source, Peer) for source in sources)


def forward_passes(sources: Sequence[Source]) -> Mapping[str, int]:
    """Returns what a step of a method costs besides its student's step and its frozen teachers.

    Returns:
      "forward": forward passes of networks of the student's kind; "step": whole further steps.
    """
    own = [source for source in sources if not isinstance(source, Frozen)]
    beside = sum(isinstance(source, Peer) for source in own)
    return {"forward": len(own) - beside, "step": beside}
