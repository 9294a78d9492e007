"""Samplers as a trained network's card has them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vidkd_jax.samplers.contiguous import Contiguous
from vidkd_jax.samplers.sampler import Sampler
from vidkd_jax.samplers.segments import Segments
from vidkd_jax.samplers.tuples import Tuples

_KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in (Contiguous, Tuples, Segments)}


def as_json(sampler: Sampler) -> dict[str, Any]:
    """Returns the sampler's kind and its fields; frames that only teachers need are left out."""
    fields = dataclasses.fields(sampler)  # type: ignore[arg-type]
    own = {f.name: getattr(sampler, f.name) for f in fields if f.name != "others"}
    return {"kind": type(sampler).__name__, **own}


def from_json(value: Mapping[str, Any]) -> Sampler:
    """Returns the sampler that `as_json` wrote.

    Raises:
      LookupError, TypeError: it wrote no such thing.
    """
    fields = {name: field for name, field in value.items() if name != "kind"}
    sampler: Sampler = _KINDS[value["kind"]](**fields)
    return sampler
