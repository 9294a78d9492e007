"""Prints a table of all backbones: `python -m vidkd_jax.models [--json] [--taps NAME]`."""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax.errors import InputError
from vidkd_jax.models.costs import count
from vidkd_jax.models.normalisation import NORMALISATIONS
from vidkd_jax.models.registry import available, create, lookup
from vidkd_jax.runtime.command import FlagParser, run_command

_CLIP = (16, 112, 112)  # t, h, w of the clips that the papers' tables give costs for


def main(argv: list[str] | None = None) -> None:
    """Prints the table of backbones, or the blocks of one backbone; see `--help`."""
    args = _parse(argv)
    if args.num_classes < 1:
        raise InputError(f"--num_classes={args.num_classes}: give a positive number")
    if args.taps:
        print("\n".join(taps(args.taps)))
    elif args.json:
        print(json.dumps([describe(name, args.num_classes) for name in available()], indent=2))
    else:
        for line in _table(args.num_classes):
            print(line, flush=True)


def describe(name: str, num_classes: int) -> dict[str, Any]:
    """Returns a backbone's properties as JSON values, with its costs for a 16 x 112 x 112 clip."""
    backbone = lookup(name)
    normalisation = backbone.normalisation
    model = create(name, num_classes, in_channels=normalisation.in_channels)
    parameters, macs = count(model, (*_CLIP, normalisation.in_channels))
    named = {known: name for name, known in NORMALISATIONS.items()}
    return {
        "name": name,
        "parameters": parameters,
        "num_classes": num_classes,
        "gmacs": macs / 1e9,
        "frames": backbone.frames,
        "size": backbone.size,
        "normalisation": {"name": named[normalisation], **dataclasses.asdict(normalisation)},
        "licence": backbone.licence,
        "source": backbone.source,
    }


def taps(name: str) -> tuple[str, ...]:
    """Returns the names of the blocks whose outputs can be tapped."""
    backbone = lookup(name, field="--taps")
    channels = backbone.normalisation.in_channels
    clip: Any = jax.ShapeDtypeStruct(
        (1, backbone.frames, backbone.size, backbone.size, channels), jnp.float32
    )
    return create(name, 1, in_channels=channels).blocks(clip)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m vidkd_jax.models", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--num_classes", type=int, default=400, help="to count parameters with")
    parser.add_argument("--taps", metavar="NAME", help="list the blocks of this backbone instead")
    return parser.parse_args(argv)


def _table(num_classes: int) -> Iterator[str]:
    """Yields the lines one by one, because tracing every network takes a while."""
    row = "{:<24}{:>12} {:>7} {:>6} {:>5}  {:<18}{:<13}{}".format
    yield row("name", "parameters", "GMACs", "frames", "size", "normalisation", "licence", "source")
    for name in available():
        known = describe(name, num_classes)
        yield row(
            name,
            f"{known['parameters']:,}",
            f"{known['gmacs']:.2f}",
            known["frames"],
            known["size"],
            known["normalisation"]["name"],
            known["licence"] or "-",
            known["source"],
        )
    yield f"parameters for {num_classes} classes; GMACs for a clip of {'x'.join(map(str, _CLIP))}"


if __name__ == "__main__":
    run_command(main)
