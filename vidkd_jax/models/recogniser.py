"""A backbone with heads: what a method trains, and what teaches it."""

from collections.abc import Callable, Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.models.heads import Head, apply_head, layer_names
from vidkd_jax.models.normalisation import TY, Normalisation


class Recogniser(nn.Module):
    """A backbone, named heads on its pooled features, and a view of its blocks.

    Attributes:
      backbone: module from clips [b, t, h, w, c] to features [b, d].
      heads: by the name of their output. A classifier is called "logits".
      in_channels: number of channels of the clips: 3, or 2 for flow.
      normalisation: brings clips to the scale that the backbone was made for.
      taps: names of blocks (paths of submodules of the backbone) whose outputs are returned, too.
      adapters: output name ("features" or a tap) -> width: a linear layer over its channels, which
        brings it to the width of a teacher's; its output is "<name>/adapted". Only training needs
        adapters.
    """

    backbone: nn.Module
    heads: Mapping[str, Head]
    in_channels: int = 3
    normalisation: Normalisation = TY
    taps: tuple[str, ...] = ()
    adapters: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, clip: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Maps clips in [-1, 1] to named outputs, all float32.

        Args:
          clip: [b, t, h, w, c], or [b, n, t, h, w, c] where n clips of each video belong together.
          train: whether BatchNorm uses the statistics of the batch.

        Returns:
          `features` [b, d]; each head's output [b, width]; each tap's output, as the block gives
          it; each adapter's output, as its input but for the last axis. For n clips a video all of
          them are [b, n, ...], but a head over the tuple, which is [b, width].

        Raises:
          InputError: a tap names no block of the backbone.
          AssertionError: the clips have another rank or number of channels.
        """
        chex.assert_rank(clip, {5, 6})
        chex.assert_axis_dimension(clip, -1, self.in_channels)
        together = clip.shape[:-4]  # [b] or [b, n]
        clip = clip.reshape(-1, *clip.shape[-4:])
        tapped: dict[str, jax.Array] = {}
        with nn.intercept_methods(self._listen(tapped)):
            features = self.backbone(self.normalisation(clip), train=train)
        if missing := set(self.taps) - set(tapped):
            name = min(missing)
            raise InputError(f"no block '{name}' in the network{suggest(name, self.blocks(clip))}")
        outputs = {"features": features, **{name: tapped[name] for name in self.taps}}
        outputs = {
            name: value.astype(jnp.float32).reshape(*together, *value.shape[1:])
            for name, value in outputs.items()
        }
        adapted = {
            f"{name}/adapted": nn.Dense(width, name=_adapter(name))(outputs[name])
            for name, width in (self.adapters or {}).items()
        }
        for name, head in self.heads.items():
            outputs[name] = apply_head(head, name, outputs["features"])
        return {**outputs, **adapted}

    @property
    def training_only(self) -> frozenset[str]:
        """The names of the layers that only training needs: adapters and some heads."""
        adapters = {_adapter(name) for name in self.adapters or {}}
        heads = ((n, head) for n, head in self.heads.items() if head.training_only)
        return frozenset(adapters.union(*(layer_names(head, name) for name, head in heads)))

    def deployed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the parameters without those that only training needs."""
        return {name: tree for name, tree in params.items() if name not in self.training_only}

    def _listen(self, tapped: dict[str, jax.Array]) -> Callable[..., Any]:
        """Returns a Flax interceptor that keeps the outputs of the tapped blocks."""
        depth = len(self.path) + 1  # of the backbone's own submodules

        def listen(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
            output = call(*args, **kwargs)
            name = "/".join(context.module.path[depth:])
            # The backbone itself has no name, and gives features that are pooled already.
            if context.method_name == "__call__" and name and name in self.taps:
                tapped[name] = output
            return output

        return listen

    def blocks(self, clip: jax.Array) -> tuple[str, ...]:
        """Returns the names of all blocks that give clips of features: what `taps` may name."""

        def apply(clip: jax.Array) -> Any:
            variables = self.backbone.clone(parent=None, name=None).init(
                jax.random.key(0), clip, train=False, capture_intermediates=True
            )
            return variables["intermediates"]

        shapes = jax.eval_shape(apply, jax.ShapeDtypeStruct(clip.shape, jnp.float32))
        found = []
        for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
            names = [entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey)]
            if names[-1] == "__call__" and leaf.ndim == 5:
                found.append("/".join(names[:-1]))
        return tuple(found)


def _adapter(name: str) -> str:
    """Returns the name of an adapter's layer."""
    return f"adapter {name.replace('/', '.')}"


class Peers(nn.Module):
    """Two networks side by side that see the same clips (deep mutual learning).

    Attributes:
      student: the one that is evaluated and kept.
      peer: the other one; its outputs are named "peer/<name>".
    """

    student: Recogniser
    peer: Recogniser

    @classmethod
    def of(cls, model: Recogniser) -> "Peers":
        """Returns two networks of one kind; they share nothing, their backbone neither."""
        return cls(model, model.clone(backbone=model.backbone.clone()))

    def __call__(self, clip: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns the outputs of both."""
        peer = self.peer(clip, train=train)
        return {
            **self.student(clip, train=train),
            **{f"peer/{name}": value for name, value in peer.items()},
        }

    def split(
        self, outputs: Mapping[str, jax.Array]
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Returns the outputs of the student and of the peer, each by its own names."""
        prefix = "peer/"
        own = {n: value for n, value in outputs.items() if not n.startswith(prefix)}
        peer = {n.removeprefix(prefix): v for n, v in outputs.items() if n.startswith(prefix)}
        return own, peer
