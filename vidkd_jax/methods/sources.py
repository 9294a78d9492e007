"""Where a method's teachers come from. A method names one source or several.

A source's `name` is the key under which a method finds its teachers' outputs, and under which a run
keeps their networks and variables. Those of an `Average` are in the method's memory, under the same
name.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from vidkd_jax.errors import InputError

Memory = Mapping[str, Any]  # arrays, or pytrees of arrays, by name


@dataclasses.dataclass(frozen=True)
class Frozen:
    """Trained networks, which `config.teachers.runs` names.

    Attributes:
      least: the smallest number of them.
      most: the largest number of them; None: any.
      reads_logits: whether the loss reads their classifiers: they must know the run's classes.
      blocks: names of their blocks whose outputs the loss reads.
      heads: names of further outputs that the loss reads, besides features and classifier.
      reads_features: whether the loss compares features, which mean something else in each network.
      weights: the share of each of them in the loss; (): all alike.
      clips: which of a video's clips they see; None: all.
      all_frames: whether still-image networks see every frame of a clip, and give the mean of their
        features, instead of one frame.
      still: whether only still-image networks will do.
      same_frames: whether they must see the student's frames and no others.
    """

    least: int = 1
    most: int | None = None
    reads_logits: bool = False
    blocks: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    reads_features: bool = False
    weights: tuple[float, ...] = ()
    clips: tuple[int, ...] | None = None
    all_frames: bool = False
    still: bool = False
    same_frames: bool = False

    name: ClassVar[str] = "frozen"


@dataclasses.dataclass(frozen=True)
class BestPast:
    """The student as it was when it set its last best on validation (TY, Algorithm 1).

    Attributes:
      first: until then "none", or "random", a network that nothing trained.
    """

    first: str = "none"

    name: ClassVar[str] = "best"


@dataclasses.dataclass(frozen=True)
class Average:
    """The exponential moving average of the student's variables. It lives in the method's memory.

    Attributes:
      decay: share of the average that each step keeps; in step n at most 1 - 1/n, so that the
        random first weights are forgotten at once.
    """

    decay: float

    name: ClassVar[str] = "average"

    def moved(self, average: Any, variables: Any, step: jax.Array) -> Any:
        """Returns decay * average + (1 - decay) * variables, after step number `step` (from 0)."""
        decay = jnp.minimum(self.decay, 1 - 1 / (step + 1))
        return jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, variables)


@dataclasses.dataclass(frozen=True)
class Peer:
    """A second student that trains beside the first one. Its outputs carry a gradient."""

    name: ClassVar[str] = "peer"


Source = Frozen | BestPast | Average | Peer


def check_weights(weights: Sequence[float]) -> None:
    """Refuses weights of teachers, from 0 up, of which none counts; (): all count alike.

    Raises:
      InputError: all weights are 0.
    """
    if weights and not sum(weights):
        raise InputError(
            f"config.method.teacher_weights: {tuple(weights)}; use numbers from 0 up, not all 0"
        )
