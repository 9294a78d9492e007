"""The description of a backbone that the registry holds."""

import dataclasses
from collections.abc import Callable

from flax import linen as nn

from vidkd_jax.errors import InputError
from vidkd_jax.models.normalisation import TY, Normalisation


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A backbone: how to build it, and what its public weights expect.

    Modules have the names that public checkpoints give them, including dots. So the name of a
    parameter in a public checkpoint is its path in the tree of variables, joined by dots.

    Attributes:
      build: (width=..., dtype=...) -> module that is called as module(clip, train=bool), from
        float clips [b, t, h, w, c], normalised, to features [b, d]. It has a field `dtype`.
      source: The paper, or the repository that publishes the weights.
      licence: Licence of the repository that publishes the weights; "" if there are none.
      normalisation: Normalisation that the public weights were trained with.
      head: Name of the classifier in public checkpoints.
      last_norm: Name of the last norm in each residual block; "" if blocks do not end with a norm.
      frames: Number of frames per clip that the network was designed for.
      size: Height and width of these clips, in pixels.
      frame_by_frame: Whether it sees each frame alone and averages their features.
      files: The public files that belong to this network, where files of another network have the
        same names and shapes; "" if there is no such other network.
    """

    build: Callable[..., nn.Module]
    source: str
    licence: str = ""
    normalisation: Normalisation = TY
    head: str = "fc"
    last_norm: str = ""
    frames: int = 16
    size: int = 112
    frame_by_frame: bool = False
    files: str = ""


def scaled(features: int, width: float) -> int:
    """Returns the number of channels times the width factor, rounded.

    Raises:
      InputError: The result is zero.
    """
    channels = round(features * width)
    if channels < 1:
        raise InputError(f"model.width: {width} leaves no channels; use at least {1 / features}")
    return channels
