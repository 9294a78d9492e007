"""Heads: what a network says beside its features."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

_OVER = ("clip", "tuple", "middle")
_LEAST_NORM = 1e-12  # PyTorch's `normalize` divides by no less


@dataclasses.dataclass(frozen=True)
class Head:
    """A named output, computed from the pooled features of one clip or of several.

    Attributes:
      width: number of outputs.
      hidden: width of a hidden layer with a ReLU behind it; 0: the head is one linear layer.
      unit: scales each output vector to length 1.
      over: "clip": each clip has an output of its own; "tuple": the features of all clips of a
        video are concatenated, and the video has one output; "middle": it has that of its middle
        clip.
      detached: the head's gradient stops before the features.
      training_only: only training needs it; a saved network is not asked for it, and it does not
        count as a parameter of the network.

    Raises:
      ValueError: a width is too small, or `over` is none of these.
    """

    width: int
    hidden: int = 0
    unit: bool = False
    over: str = "clip"
    detached: bool = False
    training_only: bool = False

    def __post_init__(self) -> None:
        if self.width < 1 or self.hidden < 0 or self.over not in _OVER:
            raise ValueError(f"{self}: width from 1, hidden from 0, over one of {_OVER}")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Head":
        """Returns the head that `dataclasses.asdict` wrote."""
        return cls(**value)


def apply_head(head: Head, name: str, features: jax.Array) -> jax.Array:
    """Returns a head's output; must be called inside a Flax module's compact method.

    A linear head's layer is called `name`; the layers of one with a hidden layer are `name.0` and
    `name.2`, as PyTorch's `Sequential` numbers them around the ReLU.

    Args:
      head: what to compute.
      name: of the output.
      features: [b, d] of one clip a video, or [b, n, d] of n clips.

    Returns:
      [b, n, width] for a head over each of several clips; else [b, width].
    """
    if head.detached:
        features = jax.lax.stop_gradient(features)
    if head.over == "tuple":
        features = features.reshape(len(features), -1)
    if head.over == "middle" and features.ndim > 2:
        features = features[:, features.shape[1] // 2]
    if head.hidden:
        features = nn.relu(nn.Dense(head.hidden, name=f"{name}.0")(features))
        output = nn.Dense(head.width, name=f"{name}.2")(features)
    else:
        output = nn.Dense(head.width, name=name)(features)
    if head.unit:
        # max(|x|, least) as sqrt(max(x . x, least^2)): the gradient at 0 is 0 and not NaN.
        square = jnp.sum(jnp.square(output), axis=-1, keepdims=True)
        output = output / jnp.sqrt(jnp.maximum(square, _LEAST_NORM**2))
    return output


def layer_names(head: Head, name: str) -> tuple[str, ...]:
    """Returns the names of a head's layers in the tree of parameters."""
    return (f"{name}.0", f"{name}.2") if head.hidden else (name,)
