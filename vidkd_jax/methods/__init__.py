"""Methods by name: what each paper changes about a training step."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.methods.base import Batch, Method, Outputs, Shapes, Term
from vidkd_jax.methods.distillation import Decoupled, Distillation, MovingAverage
from vidkd_jax.methods.features import AttentionTransfer, FeatureMatching, Hints, Relational
from vidkd_jax.methods.mutual_learning import MutualLearning
from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.methods.teaching_yourself import TeachingYourself

__all__ = [
    "AttentionTransfer",
    "Batch",
    "Decoupled",
    "Distillation",
    "FeatureMatching",
    "Hints",
    "Method",
    "MovingAverage",
    "MutualLearning",
    "Outputs",
    "Relational",
    "Shapes",
    "Supervised",
    "TeachingYourself",
    "Term",
    "available",
    "create",
    "option_names",
]

_METHODS: Mapping[str, Any] = {
    "supervised": Supervised,
    "teaching_yourself": TeachingYourself,
    "distillation": Distillation,
    "moving_average": MovingAverage,
    "decoupled": Decoupled,
    "feature_matching": FeatureMatching,
    "hints": Hints,
    "attention_transfer": AttentionTransfer,
    "relational": Relational,
    "mutual_learning": MutualLearning,
}


def available() -> tuple[str, ...]:
    """Returns the names of all methods."""
    return tuple(_METHODS)


def option_names(name: str) -> frozenset[str]:
    """Returns the names of the options that a method reads."""
    unread = {"augment"}
    if _METHODS[name].frozen_teachers != "any":
        unread.add("teacher_weights")  # inherited, and there are never several
    return frozenset(field.name for field in dataclasses.fields(_METHODS[name])) - unread


def create(name: str, *, augment: Augment, **options: Any) -> Method:
    """Returns a method; `options` that belong to other methods are left out.

    Raises:
      InputError: no such method, or an option that no method has.
    """
    if name not in _METHODS:
        raise InputError(f"method.name: no method '{name}'{suggest(name, _METHODS)}")
    known = frozenset().union(*map(option_names, _METHODS))
    if unknown := sorted(options.keys() - known):
        raise InputError(
            f"method.{unknown[0]}: no method has this option{suggest(unknown[0], known)}"
        )
    read = option_names(name)
    own = {option: value for option, value in options.items() if option in read}
    return _METHODS[name](augment=augment, **own)
