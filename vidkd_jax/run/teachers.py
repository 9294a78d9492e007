"""Frozen teachers: trained networks that a run reads once, each with its own view of a clip."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vidkd_jax.errors import InputError
from vidkd_jax.methods import Method
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Network, Variables


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained network.

    Attributes:
      card: what it is of.
      variables: NumPy.
    """

    card: weights.Card
    variables: Variables


def load(config: ConfigDict, method: Method, class_names: Sequence[str]) -> tuple[Teacher, ...]:
    """Returns the teachers that the config names, in its order.

    Args:
      config: of the run.
      method: that they serve.
      class_names: of the data set, by label.

    Raises:
      InputError: the method wants another number of them, or one does not fit the data.
    """
    folders = config.teachers.runs
    _check_count(method.frozen_teachers, len(folders), config.method.name)
    _check_shares(config.method.teacher_weights, len(folders))
    if config.teachers.dtype and not (folders or method.promotes or method.moving_average):
        raise InputError(
            f"config.teachers.dtype: method '{config.method.name}' has no teacher; leave it ''"
        )
    teachers = tuple(Teacher(*weights.load(Path(folder))) for folder in folders)
    for folder, teacher in zip(folders, teachers, strict=True):
        _check_classes(folder, teacher.card, class_names)
        if method.reads_teacher_logits and not teacher.card.has_classifier:
            raise InputError(
                f"config.teachers.runs: the classifier of '{folder}' is random: its checkpoint had "
                f"none for these classes, and method '{config.method.name}' learns from it; train "
                "it first (model.init_from), or use a method of features"
            )
        weights.check_split(
            "teachers.runs",
            Path(folder),
            teacher.card,
            dataset=config.data.name,
            split=config.data.split,
        )
        sees = "flow" if teacher.card.in_channels == 2 else "rgb"
        if sees not in config.data.modality.split("_"):
            raise InputError(
                f"config.data.modality: '{config.data.modality}', but the teacher '{folder}' sees "
                f"{sees}; use 'rgb_flow' for an RGB student with a teacher that sees flow"
            )
    if config.data.modality == "rgb_flow" and all(t.card.in_channels != 2 for t in teachers):
        raise InputError(
            "config.data.modality: 'rgb_flow', but no teacher sees flow, nor does the student; use "
            "'rgb'"
        )
    return teachers


def _check_classes(folder: str, card: weights.Card, class_names: Sequence[str]) -> None:
    if card.num_classes != len(class_names):
        raise InputError(
            f"config.teachers.runs: '{folder}' knows {card.num_classes} classes, the data set has "
            f"{len(class_names)}; use a teacher of this data set"
        )
    for label, (its, ours) in enumerate(zip(card.class_names, class_names, strict=False)):
        if its != ours:
            raise InputError(
                f"config.teachers.runs: label {label} of '{folder}' is {its}, here it is {ours}; "
                "use a teacher of this data set"
            )


def _check_count(wanted: str, count: int, method: str) -> None:
    if wanted == "none" and count:
        raise InputError(
            f"config.teachers.runs: names {count} teachers, but method '{method}' takes none; "
            "method.name='distillation' does"
        )
    if (wanted == "any" and not count) or (wanted == "one" and count != 1):
        raise InputError(
            f"config.teachers.runs: names {count} teachers, but method '{method}' needs "
            f"{'exactly one' if wanted == 'one' else 'at least one'}; name workdirs of finished "
            "runs, or folders of converted weights"
        )


def _check_shares(shares: Sequence[float], count: int) -> None:
    if shares and len(shares) != count:
        raise InputError(
            f"config.method.teacher_weights: {len(shares)} weights for {count} teachers; give one "
            "each"
        )


def dtype(config: ConfigDict) -> str:
    """Returns the type that teachers compute in."""
    return config.teachers.dtype or config.model.dtype


def clip_offsets(config: ConfigDict, cards: Sequence[weights.Card]) -> list[tuple[int, ...]]:
    """Returns which frames each network sees, the student first, counted from its clip's start.

    A teacher's clip has the same middle as the student's, and may begin before it.
    """
    student = config.data.stride * np.arange(config.data.frames)
    offsets = [tuple(student.tolist())]
    for card in cards:
        teacher = card.stride * np.arange(card.frames)
        shift = (int(student[-1]) - int(teacher[-1])) // 2
        offsets.append(tuple((teacher + shift).tolist()))
    return offsets


def networks(
    config: ConfigDict, method: Method, teachers: Sequence[Teacher]
) -> tuple[tuple[Network, ...], tuple[int, ...]]:
    """Returns the teachers' networks, and the offsets of all frames that a batch's clips need.

    The student's own place among these is `positions(offsets of the student, all of them)`.
    """
    cards = [teacher.card for teacher in teachers]
    each = clip_offsets(config, cards)
    union = tuple(sorted(set().union(*each)))
    found = tuple(
        Network(
            model=weights.network_of(card, dtype(config)).clone(taps=method.teacher_blocks),
            frames=positions(offsets, union),
            size=card.size or config.data.crop,
            view="flow" if card.in_channels == 2 and config.data.modality != "flow" else "clip",
        )
        for card, offsets in zip(cards, each[1:], strict=True)
    )
    return found, union


def positions(offsets: Sequence[int], union: Sequence[int]) -> tuple[int, ...] | None:
    """Returns where `offsets` stand in `union`; None where they are all of it."""
    if tuple(offsets) == tuple(union):
        return None
    return tuple(union.index(offset) for offset in offsets)
