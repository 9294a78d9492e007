"""The student of a run: its network, and the shape of its input."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax import models, samplers
from vidkd_jax.methods import Shapes
from vidkd_jax.models.normalisation import default_normalisation
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Network
from vidkd_jax.run import inputs
from vidkd_jax.run.frozen import places, seen
from vidkd_jax.run.teachers import trains_beside
from vidkd_jax.samplers import Sampler
from vidkd_jax.settings.settings import Settings


def clip_shape_of(settings: Settings, own: Sampler) -> tuple[int, ...]:
    """Returns the shape of the student's input, [t, h, w, c] or [n, t, h, w, c]."""
    *_, clips, frames, _, _, channels = inputs.window_shapes(settings.data, own)["clip"]
    seen = settings.method.clips
    clips = clips if seen is None else len(seen)
    size = settings.data.size or settings.data.crop
    shape = (frames, size, size, channels)
    return shape if clips == 1 else (clips, *shape)


def output_shapes(model: Any, clip_shape: tuple[int, ...]) -> Shapes:
    """Returns the shapes of a network's outputs for one row of a batch."""
    init = partial(model.init_with_output, jax.random.key(0), train=False)
    outputs: Shapes = jax.eval_shape(init, jax.ShapeDtypeStruct((1, *clip_shape), jnp.float32))[0]
    return outputs


def build_student(
    settings: Settings,
    teacher_shapes: tuple[Shapes, ...],
    own: Sampler,
    sampler: Sampler,
    num_classes: int,
    clip_shape: tuple[int, ...],
    start: Sequence[Card],
) -> tuple[Network, Shapes]:
    """Returns the student with what the method asks for, and the shapes of its outputs.

    That is heads, blocks, adapters, and a peer, whose outputs are not among the shapes. Its input
    is normalised as that of the network from which it starts, whose card is in `start`.

    Raises:
      InputError: the backbone or a block is not there.
    """
    method, in_channels = settings.method, inputs.in_channels(settings.data)
    usual = default_normalisation(in_channels, settings.model.residual)
    plain = models.create(
        settings.model.name,
        None,
        in_channels=in_channels,
        width=settings.model.width,
        dtype=jnp.dtype(settings.model.dtype),
        heads=method.heads(num_classes, teacher_shapes),
        normalisation=start[0].normalisation if start else usual,
    ).clone(taps=method.blocks)
    shapes = output_shapes(plain, clip_shape)
    model = plain.clone(adapters=method.adapters(shapes, teacher_shapes))
    if model.adapters:
        shapes = output_shapes(model, clip_shape)
    network = Network(
        model=models.Peers.of(model) if trains_beside(method.teachers) else model,
        frames=seen(settings.data, sampler, places(own, sampler, None)),
        size=settings.data.size or None,
        clips=method.clips,
    )
    return network, shapes


def own_kind(student: Network, dtype: str) -> Network:
    """Returns a network of the student's kind: its past, its average or its peer."""
    model = student.model.peer if isinstance(student.model, models.Peers) else student.model
    backbone = model.backbone.clone(dtype=jnp.dtype(dtype))
    return dataclasses.replace(student, model=model.clone(backbone=backbone))


def alone(student: Network) -> models.Recogniser:
    """Returns the student's model; of two peers the first."""
    model: Any = student.model
    found: models.Recogniser = getattr(model, "student", model)
    return found


def card_of(
    settings: Settings,
    model: models.Recogniser,
    clip_shape: tuple[int, ...],
    class_names: Sequence[str],
    sampler: Sampler,
) -> Card:
    """Returns what must be known of a student's weights, but for where it comes from.

    Args:
      settings: of the run.
      model: the student's, without a peer.
      clip_shape: of its input, as `clip_shape_of` returns it.
      class_names: of the data set.
      sampler: draws the run's clips.

    Raises:
      InputError: the sampler is of a kind that has not been registered.
    """
    *_, frames, size, _, in_channels = clip_shape
    heads = {name: head for name, head in model.heads.items() if not head.training_only}
    data, has_classifier = settings.data, "logits" in heads
    return Card(
        model=settings.model.name,
        width=settings.model.width,
        in_channels=in_channels,
        num_classes=len(class_names) if has_classifier else 0,
        frames=frames,
        stride=data.stride,
        size=size,
        normalisation=model.normalisation,
        class_names=tuple(class_names),
        dataset=data.name,
        split=data.split,
        has_classifier=has_classifier,
        heads=heads,
        sampler=samplers.as_json(sampler),
        clips=settings.method.clips,
        fps=data.fps,
        folds=data.folds if data.fold else 0,
        fold=data.fold,
    )
