"""What a method is: the few things in which the papers differ, and nothing else."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import jax

Outputs = Mapping[str, jax.Array]  # a network's outputs by name: "logits" [b, k], "features" [b, d]
Shapes = Mapping[str, jax.ShapeDtypeStruct]  # of one network's outputs
# "clip" uint8 [b, t, h, w, c], perhaps "flow" [b, t, h, w, 2]; "label", "video", "mask" [b]
Batch = Mapping[str, jax.Array]


class Term(NamedTuple):
    """One weighted loss: the total is the sum of weight * mean(value) over a method's terms."""

    weight: float
    value: jax.Array  # [b]


class Method(Protocol):
    """A method of training a student.

    Attributes:
      heads: outputs that the student needs besides `logits`, name -> width.
      blocks: names of the student's blocks whose outputs the terms need.
      teacher_blocks: likewise of every teacher.
      promotes: whether a student that sets a new best on validation becomes the teacher (TY).
      moving_average: above 0, the teacher is the moving average of the student's variables, and
        this share of it is kept each step.
      frozen_teachers: how many trained teachers it needs: "none", "one" or "any" (1 or more).
      reads_teacher_logits: whether the terms need the teachers' classifiers.
      has_peer: whether a second student trains beside the first; its outputs are "peer/<name>".
    """

    heads: Mapping[str, int]
    blocks: tuple[str, ...]
    teacher_blocks: tuple[str, ...]
    promotes: bool
    moving_average: float
    frozen_teachers: str
    reads_teacher_logits: bool
    has_peer: bool

    def adapters(self, student: Shapes, teachers: tuple[Shapes, ...]) -> Mapping[str, int]:
        """Returns the student's outputs that need a linear map, and the teacher's width."""

    def views(self, key: jax.Array, batch: Batch) -> Mapping[str, jax.Array]:
        """Returns what student and teachers see: float clips [b, t, h, w, c] in [-1, 1]."""

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the named terms of the loss; teachers' outputs carry no gradient."""
