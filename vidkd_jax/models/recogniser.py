"""A backbone with heads: what a method trains."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn


class Recogniser(nn.Module):
    """A backbone and named heads on its pooled features.

    Attributes:
      backbone: module from clips [b, t, h, w, c] to features [b, d].
      heads: output name -> width; each is one linear layer. Methods name the heads they need.
    """

    backbone: nn.Module
    heads: Mapping[str, int]

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns `features` [b, d] and each head's output [b, width], all float32."""
        features = self.backbone(clip, train=train).astype(jnp.float32)
        outputs = {"features": features}
        for name, width in self.heads.items():
            outputs[name] = nn.Dense(width, name=name)(features)
        return outputs
