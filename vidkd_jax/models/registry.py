"""The table of backbones: name -> how to build it."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from vidkd_jax.models import (
    hara,
    resnet2d,
    resnet3d,
    shufflenet3d,
    torchvision,
    ty_keras,
    vcop,
    x3d,
)
from vidkd_jax.models.backbone import Backbone
from vidkd_jax.models.heads import Head
from vidkd_jax.models.normalisation import TY, Normalisation
from vidkd_jax.models.recogniser import Recogniser
from vidkd_jax.registry import Registry

_BACKBONES = Registry[Backbone](
    "backbone",
    {
        **resnet3d.BACKBONES,
        **ty_keras.BACKBONES,
        **torchvision.BACKBONES,
        **hara.BACKBONES,
        **vcop.BACKBONES,
        **shufflenet3d.BACKBONES,
        **x3d.BACKBONES,
        **resnet2d.BACKBONES,
    },
)


def register(name: str, backbone: Backbone) -> None:
    """Adds a backbone of one's own; see `Registry.add`.

    Its networks are read where that has been done, too.

    Raises:
      ValueError: a backbone of ours has this name.
    """
    _BACKBONES.add(name, backbone)


def available() -> tuple[str, ...]:
    """Returns the names of all backbones."""
    return tuple(_BACKBONES)


def lookup(name: str, *, field: str = "model.name") -> Backbone:
    """Returns what is known of a backbone.

    Args:
      name: one of `available()`.
      field: where the name comes from, for the message.

    Raises:
      InputError: no such backbone.
    """
    return _BACKBONES.lookup(name, field)


def create(
    name: str,
    num_classes: int | None,
    *,
    in_channels: int = 3,
    width: float = 1.0,
    dtype: Any = jnp.float32,
    heads: Mapping[str, Head] | None = None,
    normalisation: Normalisation = TY,
) -> Recogniser:
    """Returns a backbone with heads; `num_classes` is short for the linear head "logits".

    Args:
      name: one of `available()`.
      num_classes: width of the classifier, the linear head `logits`; None: there is none.
      in_channels: number of channels of the clips: 3, or 2 for flow.
      width: factor on every number of channels; 1.0 is the paper's network.
      dtype: compute dtype; parameters, statistics and outputs are float32.
      heads: further heads by the name of their output.
      normalisation: of the input; a network that starts from public weights takes theirs.

    Raises:
      InputError: no such backbone, or a width that leaves no channel.
    """
    classifier = {} if num_classes is None else {"logits": Head(num_classes)}
    return Recogniser(
        backbone=lookup(name).build(width=width, dtype=dtype),
        heads={**classifier, **(heads or {})},
        in_channels=in_channels,
        normalisation=normalisation,
    )
