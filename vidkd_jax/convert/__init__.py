"""Converts public weights to Flax variables; the command is `python -m vidkd_jax.convert`."""

from vidkd_jax.convert.reading import read_checkpoint
from vidkd_jax.convert.torch_layout import from_torch, to_torch
from vidkd_jax.convert.unwrapping import unwrap

__all__ = ["from_torch", "read_checkpoint", "to_torch", "unwrap"]
