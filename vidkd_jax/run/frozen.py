"""The trained teachers of a run: their networks, what these see, and what they have to say."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from vidkd_jax import samplers
from vidkd_jax.data import Splits
from vidkd_jax.errors import InputError, naming
from vidkd_jax.methods import Shapes
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Network, Variables
from vidkd_jax.run import cross_fitting, inputs, trained
from vidkd_jax.run.trained import Teacher, frozen_source
from vidkd_jax.runtime import sharding
from vidkd_jax.samplers import Sampler
from vidkd_jax.settings.settings import DataSettings, Settings


@dataclasses.dataclass(frozen=True, eq=False)
class FrozenTeachers:
    """The trained teachers, in the order of `teachers.runs`.

    Attributes:
      cards: what they are.
      networks: with what each of them sees of a batch's clips.
      variables: on all devices.
      digests: of their weights.
      shapes: of their outputs for one row of a batch; cross-fitted ones are one teacher.
      sampler: draws clips that hold the frames of the student and of all of them.
      teacher_of: the number of the teacher of each training video, where they are cross-fitted.
    """

    cards: tuple[Card, ...]
    networks: tuple[Network, ...]
    variables: tuple[Variables, ...]
    digests: tuple[str, ...]
    shapes: tuple[Shapes, ...]
    sampler: Sampler
    teacher_of: np.ndarray | None


def load_frozen(
    settings: Settings, splits: Splits, records: str, own: Sampler, mesh: jax.sharding.Mesh
) -> FrozenTeachers:
    """Returns the trained teachers that a run's settings name.

    Args:
      settings: of the run.
      splits: its videos.
      records: the identity of these and their lists.
      own: the student's sampler.
      mesh: the devices.

    Raises:
      InputError: a teacher does not fit the method, the videos or the clips.
    """
    with sharding.together():
        teachers = trained.load(settings, splits.class_names, own)
        teacher_of = cross_fitting.teacher_of_videos(settings, teachers, splits, records)
        sampler = _widened(own, teachers)
        networks = _networks(settings, teachers, own, sampler)
        window = inputs.window_shapes(settings.data, sampler)
        pairs = zip(networks, teachers, strict=True)
        shapes = tuple(_output_shapes(*each, window) for each in pairs)
    digests = tuple(weights.digest(teacher.variables) for teacher in teachers)
    sharding.check_same(
        lambda: {"config.teachers.runs, the weights": repr(digests)}, "give all the same weights"
    )
    return FrozenTeachers(
        cards=tuple(teacher.card for teacher in teachers),
        networks=networks,
        variables=tuple(sharding.replicate(teacher.variables, mesh) for teacher in teachers),
        digests=digests,
        shapes=shapes if teacher_of is None else cross_fitting.as_one(shapes),
        sampler=sampler,
        teacher_of=teacher_of,
    )


def _output_shapes(
    network: Network, teacher: Teacher, window: Mapping[str, Sequence[int]]
) -> Shapes:
    """Returns the shapes of a teacher's outputs.

    Raises:
      InputError: it has no block that the method reads.
    """
    with naming(f"config.teachers.runs: '{teacher.folder}'"):
        return network.output_shapes(teacher.variables, window)


def _widened(sampler: Sampler, teachers: Sequence[Teacher]) -> Sampler:
    """Returns the sampler whose clips hold the teachers' frames, too.

    A teacher's clip has the same middle as the student's, and may begin before it.
    """
    if sampler.offsets is None or not teachers:
        return sampler
    own = sampler.offsets
    return sampler.reading(sorted({*own, *(o for t in teachers for o in _offsets(own, t.card))}))


def _offsets(student: Sequence[int], card: Card) -> tuple[int, ...]:
    """Returns the frames that a teacher sees, counted from the start of the student's clip."""
    teacher = card.stride * np.arange(card.frames)
    return tuple((teacher + samplers.start_beside(student, teacher.tolist())).tolist())


def places(own: Sampler, all_frames: Sampler, card: Card | None) -> tuple[int, ...] | None:
    """Returns where the frames of a network stand among those of a clip; None: they are all of it.

    Args:
      own: the student's sampler.
      all_frames: the one whose clips hold the frames of all networks.
      card: of a teacher; None for the student.

    Raises:
      InputError: the clips are not regular, and too short for the teacher.
    """
    if own.offsets is None or all_frames.offsets is None:
        frames = own.centre(own.span).shape[1]
        if card is not None and card.frames > frames:
            raise InputError(
                f"config.teachers.runs: a teacher sees {card.frames} frames, but the method draws "
                f"{own.describe()}; use a teacher of at most {frames} frames"
            )
        if card is None or card.frames == frames:
            return None
        return tuple(((np.arange(card.frames) + 0.5) * frames / card.frames).astype(int).tolist())
    wanted = own.offsets if card is None else _offsets(own.offsets, card)
    return samplers.places(wanted, all_frames.offsets)


def seen(
    data: DataSettings, all_frames: Sampler, frames: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Returns the places of the frames that a network is shown: of a still clip its middle one.

    Args:
      data: of the run.
      all_frames: the sampler whose clips hold the frames of all networks.
      frames: the places of the network's own; None: it sees all.
    """
    if data.sampler != "still":
        return frames
    return samplers.still_places(frames, all_frames)


def _networks(
    settings: Settings, teachers: Sequence[Teacher], own: Sampler, all_frames: Sampler
) -> tuple[Network, ...]:
    """Returns the networks of the trained teachers, each with what it sees of a batch's clips."""
    source = frozen_source(settings.method.teachers)
    if source is None:
        return ()
    return tuple(
        Network(
            model=weights.network_of(
                teacher.card, settings.teacher_dtype, heads=source.heads
            ).clone(taps=source.blocks),
            frames=seen(
                settings.data,
                all_frames,
                None
                if source.all_frames and teacher.card.frames == 1
                else places(own, all_frames, teacher.card),
            ),
            size=teacher.card.size or settings.data.crop,
            view="flow"
            if teacher.card.in_channels == 2 and settings.data.modality != "flow"
            else "clip",
            clips=source.clips,
        )
        for teacher in teachers
    )
