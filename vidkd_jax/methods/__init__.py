"""Methods by name: what each paper changes about a training step."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError
from vidkd_jax.methods.base import (
    LAST_EPOCH,
    Batch,
    Context,
    Method,
    Outputs,
    Shapes,
    Sizes,
    Taught,
    Term,
    own_key,
)
from vidkd_jax.methods.confidence import (
    ConfidenceDistillation,
    ConfidenceOnly,
    NaiveConfidence,
)
from vidkd_jax.methods.defaults import Defaults
from vidkd_jax.methods.dist_init import DistInit
from vidkd_jax.methods.distillation import Decoupled, Distillation, MovingAverage, SoftTargets
from vidkd_jax.methods.dtg import DifferentiatedTeachers, SupervisedDTG
from vidkd_jax.methods.features import AttentionTransfer, FeatureMatching, Hints, Relational
from vidkd_jax.methods.learned_confidence import LearnedConfidence
from vidkd_jax.methods.mutual_learning import MutualLearning
from vidkd_jax.methods.pcl import PretextContrast
from vidkd_jax.methods.pcl_distillation import PretextContrastDistillation
from vidkd_jax.methods.sources import Average, BestPast, Frozen, Memory, Peer, Source
from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.methods.teaching_yourself import TeachingYourself
from vidkd_jax.registry import Registry

__all__ = [
    "LAST_EPOCH",
    "AttentionTransfer",
    "Average",
    "Batch",
    "BestPast",
    "ConfidenceDistillation",
    "ConfidenceOnly",
    "Context",
    "Decoupled",
    "Defaults",
    "DifferentiatedTeachers",
    "DistInit",
    "Distillation",
    "FeatureMatching",
    "Frozen",
    "Hints",
    "LearnedConfidence",
    "Memory",
    "Method",
    "MovingAverage",
    "MutualLearning",
    "NaiveConfidence",
    "Outputs",
    "Peer",
    "PretextContrast",
    "PretextContrastDistillation",
    "Relational",
    "Shapes",
    "Sizes",
    "SoftTargets",
    "Source",
    "Supervised",
    "SupervisedDTG",
    "Taught",
    "TeachingYourself",
    "Term",
    "available",
    "create",
    "file_of",
    "options",
    "own_key",
    "register",
]

_METHODS = Registry[Any](
    "method",
    {
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
        "confidence_distillation": ConfidenceDistillation,
        "confidence_only": ConfidenceOnly,
        "learned_confidence": LearnedConfidence,
        "naive_confidence": NaiveConfidence,
        "pcl": PretextContrast,
        "pcl_distillation": PretextContrastDistillation,
        "dtg": DifferentiatedTeachers,
        "dtg_supervised": SupervisedDTG,
        "dist_init": DistInit,
    },
)
_FILES: dict[str, Path] = {}  # of methods of one's own


def available() -> tuple[str, ...]:
    """Returns the names of all methods."""
    return tuple(_METHODS)


def register(name: str, method: type[Any]) -> None:
    """Adds a method of one's own, a frozen dataclass that fulfils `Method`.

    See `Registry.add`.

    Raises:
      ValueError: a method of ours has this name.
    """
    _METHODS.add(name, method)
    caller = inspect.currentframe().f_back  # type: ignore[union-attr]
    _FILES[name] = Path(caller.f_code.co_filename)  # type: ignore[union-attr]


def file_of(name: str) -> Path | None:
    """Returns the file that registered a method of one's own; None of ours, or without a file."""
    file = _FILES.get(name)
    return file if file is not None and file.is_file() else None


def options(name: str) -> dict[str, Any]:
    """Returns the options of a method, and their defaults.

    Raises:
      InputError: no such method.
    """
    fields = dataclasses.fields(_METHODS.lookup(name, "config.method.name"))
    return {field.name: field.default for field in fields if field.name != "augment"}


def create(name: str, *, augment: Augment, **given: Any) -> Method:
    """Returns a method.

    Args:
      name: one of `available()`.
      augment: transforms of the training clips.
      **given: options that differ from the method's defaults.

    Raises:
      InputError: no such method; it does not read one of the options (two runs that differ in it
        would be the same); or an option is out of its range.
    """
    own = options(name)
    if unknown := sorted(given.keys() - own.keys()):
        raise InputError(
            f"config.method.{unknown[0]}: method '{name}' does not read it; it reads "
            f"{', '.join(sorted(own)) or 'no option'}"
        )
    return _METHODS[name](augment=augment, **given)
