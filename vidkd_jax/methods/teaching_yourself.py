"""Teaching Yourself (TY): the student's own best past model is its teacher."""

import dataclasses
from typing import ClassVar

from vidkd_jax.methods.distillation import Distillation


@dataclasses.dataclass(frozen=True)
class TeachingYourself(Distillation):
    """TY's Algorithm 1: distillation from the best past student (eq. 5).

    What is best says `schedule.Progress`: a better validation accuracy, or under a cosine an equal
    one of a later epoch.

    Attributes:
      first_teacher: until the first promotion: "none", and no KL term; or "random", a network that
        nothing trained, as in the released code.
    """

    first_teacher: str = "none"

    frozen_teachers: ClassVar[str] = "none"
    promotes: ClassVar[bool] = True
