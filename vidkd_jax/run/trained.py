"""Trained teachers: read once, and refused where they do not fit the method or the data."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax import samplers
from vidkd_jax.errors import InputError, naming
from vidkd_jax.methods import Frozen, Peer, Source
from vidkd_jax.models import lookup
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card, check_split
from vidkd_jax.networks.network import Variables
from vidkd_jax.run.saved import saved_fields
from vidkd_jax.samplers import Sampler
from vidkd_jax.settings.settings import Settings


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained network.

    Attributes:
      folder: of its weights, as `teachers.runs` names it.
      card: what it is of.
      variables: NumPy.
    """

    folder: str
    card: Card
    variables: Variables


def frozen_source(sources: Sequence[Source]) -> Frozen | None:
    """Returns the source of trained networks; None where the method has none."""
    return next((source for source in sources if isinstance(source, Frozen)), None)


def load(settings: Settings, class_names: Sequence[str], own: Sampler) -> tuple[Teacher, ...]:
    """Returns the trained teachers that the settings name, in their order.

    Args:
      settings: of the run.
      class_names: of the data set, by label.
      own: the student's sampler.

    Raises:
      InputError: the method wants another number of them, or one does not fit the data.
    """
    folders, source = settings.teachers.runs, frozen_source(settings.method.teachers)
    as_one = settings.teachers.cross_fitted
    _check_count(source, min(len(folders), 1) if as_one else len(folders), settings.method_name)
    if source and source.weights and not as_one and len(source.weights) != len(folders):
        raise InputError(
            f"config.method.teacher_weights: {len(source.weights)} weights for {len(folders)} "
            "teachers; give one each"
        )
    if settings.teachers.dtype and all(isinstance(s, Peer) for s in settings.method.teachers):
        alone = "no teacher" if not settings.method.teachers else "a peer alone, which is a student"
        raise InputError(
            f"config.teachers.dtype: method '{settings.method_name}' has {alone}; leave it ''"
        )
    if source is None:  # nor are there teachers
        _check_modality(settings, ())
        return ()
    with naming("config.teachers.runs"):
        teachers = tuple(Teacher(folder, *weights.load(Path(folder))) for folder in folders)
    for teacher in teachers:
        if source.reads_logits:
            _check_classes(teacher.folder, teacher.card, class_names, settings.method_name)
        _check_outputs(teacher.folder, teacher.card, source, settings)
        check_split("teachers.runs", teacher.folder, teacher.card, settings.data)
    _check_modality(settings, teachers)
    for teacher in teachers:
        _check_clips(settings, source, teacher, own)
    return teachers


def _check_still(teacher: Teacher, *, is_still: bool) -> None:
    """Refuses a teacher that knows one frame alone beside motion, or changes beside still clips."""
    folder, card = teacher.folder, teacher.card
    has_seen = saved_fields(Path(folder)).get("data.sampler")
    if has_seen == "still" and not is_still and card.frames > 1:
        raise InputError(
            f"config.teachers.runs: '{folder}' has seen clips of one frame repeated alone "
            "(data.sampler='still'), and would see motion here; use a teacher that has seen "
            "motion, or set data.sampler='still'"
        )
    if card.normalisation.residual != "none" and is_still:
        raise InputError(
            f"config.data.sampler: 'still', but the teacher '{folder}' sees residual frames, and "
            "in clips of one frame nothing changes; use another sampler or teacher"
        )


def _check_clips(settings: Settings, source: Frozen, teacher: Teacher, own: Sampler) -> None:
    """Refuses a teacher of clips at another frame rate, or of frames from all over a video."""
    folder, card, fps = teacher.folder, teacher.card, settings.data.fps
    # A method that draws segments itself knows what its teachers can make of them.
    sparse = own != settings.method.sampler(settings.data.frames, settings.data.stride)
    if not card.source and card.fps != fps:  # the rate of converted weights is not known
        raise InputError(
            f"config.data.fps: {fps:g}, but the teacher '{folder}' was trained with "
            f"{card.fps:g}, and sees motions at another speed; make them agree"
        )
    if source.still and card.frames != 1:
        raise InputError(
            f"config.teachers.runs: '{folder}' sees {card.frames} frames, but the method shows "
            "its teachers one; use networks that see a single frame (convert --frames=1)"
        )
    _check_still(teacher, is_still=settings.data.sampler == "still")
    if source.all_frames and card.frames == 1 and not lookup(card.model).frame_by_frame:
        raise InputError(
            f"config.teachers.runs: '{folder}' is a {card.model} of single frames, and the "
            "method shows its teachers all frames of a clip, one by one; use a network that "
            "averages over frames, such as tsn_resnet18"
        )
    seen, own_frames = (card.frames, card.stride), (settings.data.frames, settings.data.stride)
    if source.same_frames and seen != own_frames:
        raise InputError(
            f"config.data.frames, config.data.stride: {own_frames}, but the teacher '{folder}' "
            f"sees {seen}, and the method shows both the same frames; make them agree"
        )
    # A single frame is no motion, and converted weights do not say how their clips were drawn.
    if card.frames == 1 or not card.sampler:
        return
    dense = samplers.from_json(card.sampler).offsets is not None
    if dense and sparse:
        raise InputError(
            f"config.data.sampler: 'segments', but the teacher '{folder}' has learnt from "
            "clips of neighbouring frames; train it with data.sampler='segments', too"
        )
    if not dense and own.offsets is not None:
        raise InputError(
            f"config.teachers.runs: '{folder}' sees frames from all over a video, but method "
            f"'{settings.method_name}' draws {own.describe()}; use a teacher of such clips"
        )


def _check_classes(folder: str, card: Card, class_names: Sequence[str], method: str) -> None:
    """Refuses a teacher whose classifier does not speak of the run's classes."""
    if not card.num_classes:
        raise InputError(
            f"config.teachers.runs: '{folder}' has no classifier, from which method '{method}' "
            "learns; train a run with labels from it (model.init_from), or use a method of features"
        )
    if not card.has_classifier:
        raise InputError(
            f"config.teachers.runs: the classifier of '{folder}' is random: its checkpoint had "
            f"none for these classes, and method '{method}' learns from it; train it first "
            "(model.init_from), or use a method of features"
        )
    if other := card.other_classes(len(class_names), class_names):
        raise InputError(
            f"config.teachers.runs: '{folder}' {other} as the data set has; use a teacher of this "
            "data set, or a method of features"
        )


def _check_outputs(folder: str, card: Card, source: Frozen, settings: Settings) -> None:
    """Refuses a teacher without an output that the method copies, or with another meaning of it."""
    for name in source.heads:
        if name not in card.heads:
            raise InputError(
                f"config.teachers.runs: '{folder}' has no output '{name}', from which method "
                f"'{settings.method_name}' learns; it has {', '.join(card.heads) or 'none'}; use a "
                "run of a method that trains it"
            )
    before, now = saved_fields(Path(folder)), settings.by_field()
    for option in settings.method.agrees_on:
        field = f"method.{option}"
        if before.get(field, now[field]) != now[field]:
            raise InputError(
                f"config.{field}: {now[field]!r}, but the teacher '{folder}' has learnt with "
                f"{before[field]!r}, and means something else; make them agree"
            )


def knows_classes(card: Card, class_names: Sequence[str]) -> bool:
    """Whether a network's classifier answers in these classes."""
    return card.answers and not card.other_classes(len(class_names), class_names)


def _check_modality(settings: Settings, teachers: Sequence[Teacher]) -> None:
    modality = settings.data.modality
    for teacher in teachers:
        sees = "flow" if teacher.card.in_channels == 2 else "rgb"
        if sees not in modality.split("_"):
            raise InputError(
                f"config.data.modality: '{modality}', but the teacher '{teacher.folder}' sees "
                f"{sees}; use 'rgb_flow' for an RGB student with a teacher that sees flow"
            )
    if modality == "rgb_flow" and all(t.card.in_channels != 2 for t in teachers):
        raise InputError(
            "config.data.modality: 'rgb_flow', but no teacher sees flow, nor does the student; use "
            "'rgb'"
        )


def _check_count(source: Frozen | None, count: int, method: str) -> None:
    if source is None and count:
        raise InputError(
            f"config.teachers.runs: names {count} teachers, but method '{method}' takes none; "
            "method.name='distillation' does"
        )
    if source is None:
        return
    if count < source.least or (source.most is not None and count > source.most):
        words = {1: "one"}
        least, most = words.get(source.least, source.least), source.most
        needs = f"exactly {least}" if source.least == most else f"at least {least}"
        if most not in (None, source.least):
            needs += f" and at most {most}"
        raise InputError(
            f"config.teachers.runs: names {count} teachers, but method '{method}' needs "
            f"{needs}; name workdirs of finished runs, or folders of converted weights"
        )
