"""Backbones by name, with heads: `create(name, num_classes)`."""

from vidkd_jax.models.recogniser import Recogniser
from vidkd_jax.models.registry import available, create

__all__ = ["Recogniser", "available", "create"]
