"""A network's outputs for evaluation clips."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from vidkd_jax import augment
from vidkd_jax.methods import Batch
from vidkd_jax.networks.network import Network, Variables


def predict_step(
    variables: Variables,
    batch: Batch,
    *,
    network: Network,
    outputs: tuple[str, ...] = ("logits",),
    variants: Callable[[Batch], Mapping[str, jax.Array]] | None = None,
) -> Mapping[str, jax.Array]:
    """Returns named outputs of unaugmented clips, with the batch's label, video and mask.

    Args:
      variables: of the network.
      batch: evaluation clips.
      network: which sees its own part of them.
      outputs: their names.
      variants: what to show instead of the clips, in m ways, `Method.variants`; the outputs are
        [b, m, ...] then, with "possible" beside them where it is given. None: the clips.
    """

    def ask(views: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        own, _ = network.split(network.infer(variables, views))
        return {name: own[name] for name in outputs}

    if variants is None:
        found = ask(augment.plain(batch))
    else:  # one way after the other: no more memory than one takes
        shown = dict(variants(batch))
        possible = shown.pop("possible", None)
        ways = jax.tree.map(lambda clips: jnp.moveaxis(clips, 1, 0), shown)
        found = jax.tree.map(lambda rows: jnp.moveaxis(rows, 0, 1), jax.lax.map(ask, ways))
        if possible is not None:
            found["possible"] = possible
    return {**found, **{name: batch[name] for name in ("label", "video", "mask")}}
