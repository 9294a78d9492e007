"""Converts a public checkpoint to a folder of weights that training can start from.

Run `python -m vidkd_jax.convert --model=r3d_18 --checkpoint=r3d_18.pth --out=weights/r3d_18`, then
train with `--config.model.init_from=weights/r3d_18`.
"""

import argparse
import dataclasses
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vidkd_jax import models
from vidkd_jax.convert.class_names import read_class_names
from vidkd_jax.convert.graphs import check_keras, check_torch
from vidkd_jax.convert.inflation import inflate
from vidkd_jax.convert.keras_layout import name_layers
from vidkd_jax.convert.reading import read_checkpoint, sha256
from vidkd_jax.convert.torch_layout import to_flax
from vidkd_jax.convert.unwrapping import below_prefix, unwrap
from vidkd_jax.errors import InputError, is_disk_full, suggest
from vidkd_jax.models.normalisation import NORMALISATIONS, RESIDUALS
from vidkd_jax.networks import public_names, weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Variables
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.files import make_folder


def main(argv: list[str] | None = None) -> None:
    """Converts one checkpoint; see `--help`."""
    args = _parse(argv)
    backbone = models.lookup(args.model, field="--model")
    for name, what in (("model.json", "weights"), ("config.json", "a run")):
        if (args.out / name).exists():
            raise InputError(
                f"--out={args.out}: already holds {what}; delete the folder or choose another"
            )
    source = f"--checkpoint={args.checkpoint}"
    names = read_class_names(args.class_names) if args.class_names else ()
    saved = read_checkpoint(args.checkpoint)
    card = _card(args, backbone)
    arrays, outside = _read(saved, args, card, source)
    if args.inflate and all(array.ndim != 4 for array in arrays.values()):
        raise InputError(
            f"--inflate: {source} holds no kernels of images, and its input is not theirs; leave "
            "it out"
        )
    num_classes = args.num_classes or _num_classes(arrays, backbone.head)
    card = dataclasses.replace(card, num_classes=num_classes or 1)
    shapes = _abstract(card)
    wanted = public_names.by_public_name(shapes, head=backbone.head)
    arrays = inflate(arrays, wanted, over_time=args.inflate)
    variables, report = public_names.fill(shapes, arrays, head=backbone.head, source=source)
    if not num_classes:  # said only now: first of all, the backbone must fit
        raise InputError(_no_classifier(source, backbone.head, report.skipped))
    card = dataclasses.replace(card, has_classifier=not report.initialised, class_names=names)
    _check_names(args, card)
    _save(args.out, card, _initialise_rest(variables))
    for line in report.lines():
        print(line)
    if outside:
        print(f"ignored, because not part of the network: {', '.join(outside)}")
    if backbone.files:
        print(f"{card.model} is right for {backbone.files}; others may fit and answer wrongly")
    print(f"{args.out}: {card.model}, {card.num_classes} classes")
    folder = shlex.quote(str(args.out))
    print(
        f"train from these weights: --config.model.name={card.model} "
        f"--config.model.init_from={folder}"
    )
    if card.has_classifier and card.in_channels == 3:
        print(f"predict with them: python -m vidkd_jax.predict --run={folder} VIDEO_OR_FOLDER")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m vidkd_jax.convert", description=__doc__)
    parser.add_argument("--model", required=True, help="see `python -m vidkd_jax.models`")
    parser.add_argument("--checkpoint", required=True, type=Path, help=".pth, .pt, .tar, ...")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    parser.add_argument(
        "--num_classes",
        type=int,
        help="default: those of the checkpoint; another number gives a new classifier",
    )
    parser.add_argument("--class_names", type=Path, help="file of the classes' names (.txt, .json)")
    parser.add_argument("--width", type=float, default=1.0, help="factor on channels")
    parser.add_argument("--frames", type=int, help="frames per clip (default: the network's)")
    parser.add_argument("--stride", type=int, default=1, help="step between frames (default: 1)")
    parser.add_argument(
        "--size", type=int, help="height and width of a clip (default: the network's)"
    )
    parser.add_argument(
        "--inflate", action="store_true", help="repeat the kernels of 2D weights over time"
    )
    parser.add_argument(
        "--normalisation",
        help="of the input (default: the network's, with --inflate imagenet): "
        f"{', '.join(NORMALISATIONS)}",
    )
    parser.add_argument(
        "--residual",
        choices=RESIDUALS,
        default="none",
        help="the weights see residual frames: circular for PCL's released code (default: none)",
    )
    args = parser.parse_args(argv)
    for name in ("num_classes", "width", "frames", "stride", "size"):
        if (value := getattr(args, name)) is not None and not 0 < value < math.inf:
            raise InputError(f"--{name}={value}: give a positive number")
    if args.normalisation not in {None, *NORMALISATIONS}:
        near = suggest(args.normalisation, NORMALISATIONS)
        raise InputError(f"--normalisation={args.normalisation} is unknown{near}")
    if args.residual != "none" and args.frames == 1:
        raise InputError(
            f"--residual={args.residual}: shows changes, and a clip of --frames=1 has none; leave "
            "one of them out"
        )
    return args


def _check_names(args: argparse.Namespace, card: Card) -> None:
    """Refuses names that are not those of the checkpoint's classes."""
    if not card.class_names:
        return
    if not card.has_classifier:
        raise InputError(f"--class_names={args.class_names}: the classifier is new; leave it out")
    if len(card.class_names) != card.num_classes:
        raise InputError(
            f"--class_names={args.class_names}: holds {len(card.class_names)} names, the "
            f"checkpoint's classifier has {card.num_classes} classes; give the list that belongs "
            "to it"
        )


def _read(
    saved: Any, args: argparse.Namespace, card: Card, source: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Returns the arrays of the network by public name, in Flax's layout, and the other names."""
    head, shapes = models.lookup(card.model).head, _abstract(card)
    if args.checkpoint.suffix != ".h5":
        state, outside = unwrap(saved, source)
        names = public_names.by_public_name(shapes, head=head)
        wanted = {name for name in names if not name.startswith(f"{head}.")}
        prefix, below = below_prefix(state, wanted, source)
        if prefix:
            print(f"took the tensors whose names begin with '{prefix}'")
            outside += tuple(name for name in state if not name.startswith(prefix))
        arrays = to_flax(below)
        check_torch(saved, arrays, args.model, source=source)
        return arrays, outside
    if "_keras" not in args.model:
        raise InputError(
            f"{source}: .h5 files are only for the networks ty_r3d_*_keras*, not for {args.model}"
        )
    check_keras(saved, args.model, size=card.size, source=source)
    return name_layers(saved, shapes, head, source=source), ()


def _num_classes(arrays: dict[str, np.ndarray], head: str) -> int:
    """Returns the number of classes of the checkpoint; 0 if it has no classifier of this name."""
    shape = arrays[f"{head}.weight"].shape if f"{head}.weight" in arrays else ()
    return shape[-1] if shape else 0


def _no_classifier(source: str, head: str, others: Sequence[str]) -> str:
    beside = f", but {', '.join(others[:3])}" if others else ""
    return (
        f"{source}: has no classifier '{head}'{beside}; give --num_classes to get a new classifier"
    )


def _card(args: argparse.Namespace, backbone: models.Backbone) -> Card:
    """Returns what the flags say of the network; of its classes only that there are some."""
    usual = NORMALISATIONS["imagenet"] if args.inflate else backbone.normalisation
    named = NORMALISATIONS.get(args.normalisation, usual)
    normalisation = dataclasses.replace(named, residual=args.residual)
    return Card(
        model=args.model,
        width=args.width,
        in_channels=normalisation.in_channels,
        num_classes=1,
        frames=args.frames or backbone.frames,
        stride=args.stride,
        size=args.size or backbone.size,
        normalisation=normalisation,
        source={"file": args.checkpoint.name, "sha256": sha256(args.checkpoint)},
    )


def _abstract(card: Card) -> Variables:
    """Returns the shapes of the network's variables, without computing them."""
    model = weights.network_of(card)
    size = models.lookup(card.model).size
    clip = jax.ShapeDtypeStruct((1, card.frames, size, size, card.in_channels), jnp.float32)
    shapes = jax.eval_shape(lambda clip: model.init(jax.random.key(0), clip, train=False), clip)
    return Variables(shapes["params"], shapes.get("batch_stats", {}))


def _initialise_rest(variables: Variables) -> Variables:
    """Returns the variables with initial values for a linear head that the checkpoint lacks."""

    def fresh(leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        initialise = nn.linear.default_kernel_init if leaf.ndim > 1 else nn.initializers.zeros
        return initialise(jax.random.key(0), leaf.shape, leaf.dtype)

    return jax.tree.map(fresh, variables)


def _save(out: Path, card: Card, variables: Variables) -> None:
    make_folder("--out", out)
    try:
        weights.save(out, card, variables)
    except Exception as error:
        if not (is_disk_full(error) or isinstance(error, OSError)):
            raise
        cause = getattr(error, "strerror", None) or "no space left on device"
        raise InputError(f"--out={out}: {cause}; choose a folder that can be written to") from error


if __name__ == "__main__":
    run_command(main)
