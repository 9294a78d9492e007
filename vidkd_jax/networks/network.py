"""A network beside its weights: which part of a batch's clips it sees, and its outputs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from vidkd_jax import models
from vidkd_jax.methods import Outputs, Shapes


class Variables(struct.PyTreeNode):
    """A network's parameters and BatchNorm statistics: all that a frozen teacher is."""

    params: Any
    batch_stats: Any

    def as_dict(self) -> dict[str, Any]:
        """Returns Flax's dictionary of collections."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def student_of(variables: Variables) -> Variables:
    """Returns the student's weights where a peer was trained beside it; else all of them."""
    return part_of(variables, "student") if "peer" in variables.params else variables


def part_of(variables: Variables, name: str) -> Variables:
    """Returns the weights of "student" or "peer"; a network without norms has no statistics."""
    return Variables(variables.params[name], variables.batch_stats.get(name, {}))


def _chosen(array: jax.Array, numbers: Sequence[int], *, axis: int) -> jax.Array:
    """Returns these numbers of an axis; as a slice, not a gather, where they are evenly apart."""
    first, last = numbers[0], numbers[-1]
    step = numbers[1] - first if len(numbers) > 1 else 1
    if step > 0 and tuple(numbers) == tuple(range(first, last + 1, step)):
        return jax.lax.slice_in_dim(array, first, last + 1, step, axis)
    return jnp.take(array, jnp.asarray(numbers), axis)


@dataclasses.dataclass(frozen=True)
class Network:
    """A network and what it sees of a clip: static under jit.

    A batch's clips hold every frame that any network of the run needs, at the size of the window
    that is cut from the records. Each network picks its own frames and resizes to its own size.

    Attributes:
      model: module from clips [b, t, h, w, c], or [b, n, t, h, w, c], in [-1, 1] to named outputs.
      frames: positions of its frames in a batch's clip; None: all of them.
      size: side of its input in pixels; None: the clip's own.
      view: which of the views it sees: "clip", or "flow" beside it.
      clips: which of the n clips of a video it sees; None: all of them.
    """

    model: nn.Module
    frames: tuple[int, ...] | None = None
    size: int | None = None
    view: str = "clip"
    clips: tuple[int, ...] | None = None

    def see(self, views: Mapping[str, jax.Array]) -> jax.Array:
        """Returns what the network sees of named views, each [b, n, t, h, w, c].

        Of one clip a video that is [b, t, h, w, c], else [b, n, t, h, w, c].
        """
        clip = views[self.view]
        if self.clips is not None:
            clip = _chosen(clip, self.clips, axis=1)
        if clip.shape[1] == 1:
            clip = jnp.squeeze(clip, 1)
        if self.frames is not None:
            clip = _chosen(clip, self.frames, axis=clip.ndim - 4)
        *lead, h, w, c = clip.shape
        if self.size in (None, h):
            return clip
        return jax.image.resize(clip, (*lead, self.size, self.size * w // h, c), "linear")

    def infer(self, variables: Variables, views: Mapping[str, jax.Array]) -> Outputs:
        """Returns the outputs with running statistics."""
        with nn.intercept_methods(models.NormFolding()):
            outputs: Any = self.model.apply(variables.as_dict(), self.see(views), train=False)
        return outputs

    def split(self, outputs: Outputs) -> tuple[Outputs, dict[str, tuple[Outputs, ...]]]:
        """Returns the student's own outputs, and those of what trains beside it, by source."""
        if not isinstance(self.model, models.Peers):
            return outputs, {}
        student, peer = self.model.split(outputs)
        return student, {"peer": (peer,)}

    def output_shapes(self, variables: Variables, clips: Mapping[str, Sequence[int]]) -> Shapes:
        """Returns the shapes of its outputs for clips of these shapes, by view."""
        views = {name: jax.ShapeDtypeStruct(tuple(s), jnp.float32) for name, s in clips.items()}
        shapes: Shapes = jax.eval_shape(self.infer, variables, views)
        return shapes
