"""The table of backbones: name -> how to build it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.models.recogniser import Recogniser
from vidkd_jax.models.resnet3d import BasicBlock, BottleneckBlock, ResNet3D

_BACKBONES: Mapping[str, Callable[..., nn.Module]] = {
    "ty_r3d_18": partial(ResNet3D, stage_sizes=(2, 2, 2, 2), block=BasicBlock),
    "ty_r3d_34": partial(ResNet3D, stage_sizes=(3, 4, 6, 3), block=BasicBlock),
    "ty_r3d_50": partial(ResNet3D, stage_sizes=(3, 4, 6, 3), block=BottleneckBlock),
}


def available() -> tuple[str, ...]:
    """Returns the names of all backbones."""
    return tuple(_BACKBONES)


def create(
    name: str,
    num_classes: int,
    *,
    width: float = 1.0,
    dtype: Any = jnp.float32,
    heads: Mapping[str, int] | None = None,
) -> Recogniser:
    """Returns a backbone with a classifier.

    Args:
      name: one of `available()`.
      num_classes: width of the head `logits`.
      width: factor on every number of channels; 1.0 is the paper's network.
      dtype: compute dtype; parameters, statistics and outputs are float32.
      heads: further heads, name -> width.

    Raises:
      InputError: no such backbone, or a width that leaves no channel.
    """
    if name not in _BACKBONES:
        raise InputError(f"model.name: no backbone '{name}'{suggest(name, _BACKBONES)}")
    stem_features = round(64 * width)
    if stem_features < 1:
        raise InputError(f"model.width: {width} leaves no channels; use at least {1 / 64}")
    backbone = _BACKBONES[name](stem_features=stem_features, dtype=dtype)
    return Recogniser(backbone=backbone, heads={"logits": num_classes, **(heads or {})})
