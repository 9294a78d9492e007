"""A backbone with heads: what a method trains."""

from collections.abc import Mapping

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.normalisation import TY, Normalisation


class Recogniser(nn.Module):
    """A backbone and named heads on its pooled features.

    Attributes:
      backbone: module from clips [b, t, h, w, c] to features [b, d].
      heads: output name -> width; each is one linear layer. Methods name the heads they need.
      in_channels: of the clips: 3, or 2 for flow.
      normalisation: what the backbone wants its clips to be.
    """

    backbone: nn.Module
    heads: Mapping[str, int]
    in_channels: int = 3
    normalisation: Normalisation = TY

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Maps clips in [-1, 1] to `features` [b, d] and each head's output [b, width], float32."""
        chex.assert_shape(clip, (None, None, None, None, self.in_channels))
        features = self.backbone(self.normalisation(clip), train=train).astype(jnp.float32)
        outputs = {"features": features}
        for name, width in self.heads.items():
            outputs[name] = nn.Dense(width, name=name)(features)
        return outputs
