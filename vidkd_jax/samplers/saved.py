"""Samplers as a trained network's card has them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vidkd_jax.errors import InputError
from vidkd_jax.options import tuples
from vidkd_jax.registry import Registry
from vidkd_jax.samplers.contiguous import Contiguous
from vidkd_jax.samplers.sampler import Sampler
from vidkd_jax.samplers.segments import Segments
from vidkd_jax.samplers.tuples import Tuples

_KINDS = Registry[Any]("sampler", {kind.__name__: kind for kind in (Contiguous, Tuples, Segments)})


def register(kind: type[Any]) -> None:
    """Adds a kind of sampler of one's own, a frozen dataclass that fulfils `Sampler`.

    Networks that were trained with it are read where it has been registered, such as by a config of
    theirs; see `Registry.add`. Its fields are kept as JSON: use numbers, strings, booleans or None,
    because a tuple comes back as a list. A field `others` is not kept.

    Raises:
      ValueError: a kind of ours has this name.
    """
    _KINDS.add(kind.__name__, kind)


def as_json(sampler: Sampler) -> dict[str, Any]:
    """Returns the sampler's kind and its fields; frames that only teachers need are left out.

    Raises:
      InputError: it is of a kind that could not be read again.
    """
    name = type(sampler).__name__
    if name not in _KINDS or (name in _KINDS.ours and _KINDS[name] is not type(sampler)):
        raise InputError(
            f"config.method.name: its sampler {name} could not be read with the network; register "
            "it beside the method: samplers.register"
        )
    fields = dataclasses.fields(sampler)  # type: ignore[arg-type]
    own = {f.name: getattr(sampler, f.name) for f in fields if f.name != "others"}
    return {"kind": name, **own}


def from_json(value: Mapping[str, Any]) -> Sampler:
    """Returns the sampler that `as_json` wrote.

    Raises:
      InputError: it is of a kind that is not known here.
      LookupError, TypeError: it wrote no such thing.
    """
    if value["kind"] not in _KINDS:
        raise InputError(
            f"the network was trained with clips of the sampler {value['kind']}, which is not "
            "known here: run this from Python, where samplers.register has been called with it"
        )
    fields = {name: tuples(field) for name, field in value.items() if name != "kind"}
    sampler: Sampler = _KINDS[value["kind"]](**fields)
    return sampler
