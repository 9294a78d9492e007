"""Deep mutual learning: two students that train together and teach each other."""

import dataclasses

from vidkd_jax import losses
from vidkd_jax.methods.base import Context, Outputs, Taught, Term
from vidkd_jax.methods.sources import Peer, Source
from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.options import option


@dataclasses.dataclass(frozen=True)
class MutualLearning(Supervised):
    """Zhang et al., CVPR 2018, eq. 4-6: each peer minimises cross-entropy + KL(other || itself).

    Both peers take their step at once, from the same batch (the paper's take turns). The first one
    is validated, kept and tested.

    Attributes:
      kd_weight: of the KL terms; 1 in the paper.
      temperature: of both peers' soft targets; 1 in the paper.
    """

    kd_weight: float = option(1.0, at_least=0)
    temperature: float = option(1.0, more_than=0)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """The other student."""
        return (Peer(),)

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns both peers' cross-entropies and KL terms."""
        (peer,) = teachers["peer"]
        terms = super().terms(student, teachers, context)
        terms["peer_cross_entropy"] = super().terms(peer, teachers, context)["cross_entropy"]
        for name, ours, theirs in (("kl", student, peer), ("peer_kl", peer, student)):
            value = losses.kl_divergence(
                ours["logits"], theirs["logits"], temperature=self.temperature
            )
            terms[name] = Term(self.kd_weight, value)
        return terms
