"""Where a network looks: which places of a block's features speak for a class (Grad-CAM).

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", 2017, equations 1 and 2, over time as over space.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax import augment
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.methods import Batch
from vidkd_jax.models import Recogniser
from vidkd_jax.networks.network import Network, Variables


@dataclasses.dataclass
class _Blocks:
    """A Flax interceptor that sees all blocks of a backbone that give clips of features.

    Attributes:
      added: what is added to the features of one of them.
      number: of that block, in the order in which blocks end; -1: none.
      seen: the names of the blocks that have ended, and the shapes of their features.
      features: of that block, before anything was added.
    """

    added: jax.Array | None = None
    number: int = -1
    seen: list[tuple[str, jax.ShapeDtypeStruct]] = dataclasses.field(default_factory=list)
    features: jax.Array | None = None

    def __call__(
        self, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
    ) -> Any:
        output, path = call(*args, **kwargs), context.module.path
        is_block = context.method_name == "__call__" and path[:1] == ("backbone",)
        if not is_block or getattr(output, "ndim", 0) != 5:
            return output
        self.seen.append(("/".join(path[1:]), jax.ShapeDtypeStruct(output.shape, output.dtype)))
        if len(self.seen) - 1 != self.number:
            return output
        self.features = output
        return output + self.added


def grad_cam(
    variables: Variables, batch: Batch, labels: jax.Array, *, network: Network, block: str = ""
) -> tuple[jax.Array, jax.Array]:
    """Returns what a network sees of clips, and how far each place of it speaks for a class.

    Args:
      variables: of the network.
      batch: evaluation clips, whose views alone are read.
      labels: the classes, int32 [b].
      network: a classifier, which sees its own part of the clips.
      block: whose features are looked at, as `python -m vidkd_jax.models --taps=NAME` lists them;
        "": the last one that tells places apart.

    Returns:
      The clips as the network sees them, in [-1, 1], [b, t, h, w, c], those of a video behind each
      other; and float32 [b, t, h, w], from 0, which says nothing for the class, to 1 at the place
      of a clip that says most. A clip in which nothing speaks for the class has 0 everywhere.

    Raises:
      InputError: there is no such block, or it does not tell places apart.
    """
    assert isinstance(network.model, Recogniser)
    clips = network.see(augment.plain(batch))
    number, shape = _block(network.model, variables, clips, block)

    def score(added: jax.Array) -> tuple[jax.Array, jax.Array]:
        blocks = _Blocks(added, number)
        logits = _apply(network.model, variables, clips, blocks)["logits"]
        logits = logits.reshape(len(labels), -1, logits.shape[-1]).sum(axis=1)
        assert blocks.features is not None
        return jnp.take_along_axis(logits, labels[:, None], axis=1).sum(), blocks.features

    gradient, features = jax.grad(score, has_aux=True)(jnp.zeros(shape.shape, shape.dtype))
    gradient, features = gradient.astype(jnp.float32), features.astype(jnp.float32)
    weights = gradient.mean(axis=(1, 2, 3), keepdims=True)  # equation 1
    found = jax.nn.relu((weights * features).sum(axis=-1))  # equation 2
    seen = clips.reshape(-1, *clips.shape[-4:])
    found = jax.image.resize(found, seen.shape[:-1], "linear")
    seen, found = (each.reshape(len(labels), -1, *each.shape[2:]) for each in (seen, found))
    most = found.max(axis=(1, 2, 3), keepdims=True)
    return seen, jnp.where(most > 0, found / jnp.where(most > 0, most, 1), 0)


def _apply(model: nn.Module, variables: Variables, clips: jax.Array, blocks: _Blocks) -> Any:
    with nn.intercept_methods(blocks):
        return model.apply(variables.as_dict(), clips, train=False)


def _block(
    model: nn.Module, variables: Variables, clips: jax.Array, name: str
) -> tuple[int, jax.ShapeDtypeStruct]:
    """Returns the number of a block, in the order in which they end, and its features' shape."""
    blocks = _Blocks()
    jax.eval_shape(lambda: _apply(model, variables, clips, blocks))
    found = [
        (number, shape)
        for number, (own, shape) in enumerate(blocks.seen)
        if name in ("", own) and max(shape.shape[2:4]) > 1
    ]
    if found:
        return found[-1]
    if not name:
        raise InputError(
            "no block of the network tells places apart, so it does not say where it looks"
        )
    names = [own for own, _ in blocks.seen]
    if name in names:
        raise InputError(f"block '{name}' does not tell places apart; use an earlier one")
    raise InputError(f"no block '{name}' in the network{suggest(name, names)}")
