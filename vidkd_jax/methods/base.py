"""What a method is: the four things in which the papers differ, and nothing else."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import jax

Outputs = Mapping[str, jax.Array]  # a network's outputs by name: "logits" [b, k], "features" [b, d]
Batch = Mapping[
    str, jax.Array
]  # "clip" uint8 [b, t, h, w, 3], "label" [b], "video" [b], "mask" [b]


class Term(NamedTuple):
    """One weighted loss: the total is the sum of weight * mean(value) over a method's terms."""

    weight: float
    value: jax.Array  # [b]


class Method(Protocol):
    """A method of training a student.

    Attributes:
      heads: outputs that the student needs besides `logits`, name -> width.
      promotes: whether a student that sets a new best on validation becomes the teacher (TY).
    """

    heads: Mapping[str, int]
    promotes: bool

    def views(self, key: jax.Array, clip: jax.Array) -> jax.Array:
        """Returns what student and teachers see: float [b, t, h, w, 3] from uint8 clips."""

    def terms(
        self, student: Outputs, teachers: tuple[Outputs, ...], batch: Batch
    ) -> dict[str, Term]:
        """Returns the named terms of the loss; teachers' outputs carry no gradient."""


def select_options(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of `options` that are fields of the dataclass `cls`."""
    names = {field.name for field in dataclasses.fields(cls) if field.init}
    return {name: value for name, value in options.items() if name in names}
