"""Teaching Yourself (TY): the student's own best past model is its teacher."""

import dataclasses
from typing import ClassVar

from vidkd_jax.methods.distillation import Distillation


@dataclasses.dataclass(frozen=True)
class TeachingYourself(Distillation):
    """TY's Algorithm 1: distillation from the best past student (eq. 5).

    Until the first promotion there is no teacher and no KL term.
    """

    frozen_teachers: ClassVar[str] = "none"
    promotes: ClassVar[bool] = True
