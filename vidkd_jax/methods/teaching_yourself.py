"""Teaching Yourself (TY): the student's own best past model is its teacher."""

import dataclasses

from vidkd_jax.methods.distillation import SoftTargets
from vidkd_jax.methods.sources import BestPast, Source
from vidkd_jax.options import choice

_FIRST = ("none", "random")


@dataclasses.dataclass(frozen=True)
class TeachingYourself(SoftTargets):
    """TY's Algorithm 1: distillation from the best past student (eq. 5).

    `schedule.Progress` says what is best: a better validation accuracy or, under a cosine, an equal
    one of a later epoch.

    Attributes:
      first_teacher: until the first promotion: "none", and no KL term; or "random", a network that
        nothing trained, as in the released code.
    """

    first_teacher: str = choice("none", _FIRST)

    @property
    def teachers(self) -> tuple[Source, ...]:
        """The student's best past self."""
        return (BestPast(self.first_teacher),)
