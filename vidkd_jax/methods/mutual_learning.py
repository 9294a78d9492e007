"""Deep mutual learning: two students that train together and teach each other."""

import dataclasses
from typing import ClassVar

from vidkd_jax import losses
from vidkd_jax.methods.base import Batch, Outputs, Term
from vidkd_jax.methods.supervised import Supervised


@dataclasses.dataclass(frozen=True)
class MutualLearning(Supervised):
    """Zhang et al., CVPR 2018, eq. 4-6: each peer minimises cross-entropy + KL(other || itself).

    Both peers take their step at once, from the same batch (the paper's take turns). The first one
    is validated, kept and tested.

    Attributes:
      kd_weight: of the KL terms; 1 in the paper, and in `configs/mutual_learning_r18.py`.
      temperature: of both peers' soft targets; likewise.
    """

    kd_weight: float = 1.0
    temperature: float = 1.0

    has_peer: ClassVar[bool] = True

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns both peers' cross-entropies and KL terms."""
        peer = {"logits": student["peer/logits"]}
        terms = super().terms(student, teachers, batch)
        terms["peer_cross_entropy"] = super().terms(peer, teachers, batch)["cross_entropy"]
        for name, ours, theirs in (("kl", student, peer), ("peer_kl", peer, student)):
            value = losses.kl_divergence(
                ours["logits"], theirs["logits"], temperature=self.temperature
            )
            terms[name] = Term(self.kd_weight, value)
        return terms
