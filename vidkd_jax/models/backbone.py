"""What the registry knows of a backbone."""

import dataclasses
from collections.abc import Callable

from flax import linen as nn

from vidkd_jax.errors import InputError
from vidkd_jax.models.normalisation import TY, Normalisation


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A backbone: how to build it, and what its public weights expect.

    A module bears the name that the public checkpoints give it, dots included: the public key of a
    parameter is its path in the tree of variables, joined by dots.

    Attributes:
      build: (width=..., dtype=...) -> module from clips [b, t, h, w, c] to features [b, d].
      source: the paper, or the repository whose weights it takes.
      licence: of the repository that publishes the weights; "" where there are none.
      normalisation: that the public weights were trained with.
      head: the classifier's name in public checkpoints.
      last_norm: name of the norm that ends each residual block; "" where none does.
      frames: of the clips that it was designed for.
      size: of their sides, in pixels.
    """

    build: Callable[..., nn.Module]
    source: str
    licence: str = ""
    normalisation: Normalisation = TY
    head: str = "fc"
    last_norm: str = ""
    frames: int = 16
    size: int = 112


def scaled(features: int, width: float) -> int:
    """Returns a number of channels times the width factor.

    Raises:
      InputError: no channel is left.
    """
    channels = round(features * width)
    if channels < 1:
        raise InputError(f"model.width: {width} leaves no channels; use at least {1 / features}")
    return channels
