"""Public weights to a folder that training starts from.

`python -m vidkd_jax.convert --model=r3d_18 --checkpoint=r3d_18.pth --out=weights/r3d_18`, then
train with `--config.model.init_from=weights/r3d_18`.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax import models, weights
from vidkd_jax.convert.reading import read_checkpoint, sha256
from vidkd_jax.convert.torch_layout import from_torch
from vidkd_jax.convert.unwrapping import unwrap
from vidkd_jax.errors import InputError, is_disk_full, run_command, suggest
from vidkd_jax.models.normalisation import NORMALISATIONS
from vidkd_jax.train_step import Variables


def main(argv: list[str] | None = None) -> None:
    """Converts one checkpoint; see `--help`."""
    args = _parse(argv)
    backbone = models.lookup(args.model, field="--model")
    if (args.out / "model.json").exists():
        raise InputError(f"--out={args.out}: holds weights already; delete it or choose another")
    source = f"--checkpoint={args.checkpoint}"
    state, outside = unwrap(read_checkpoint(args.checkpoint), source)
    normalisation = NORMALISATIONS.get(args.normalisation, backbone.normalisation)
    card = weights.Card(
        model=args.model,
        width=args.width,
        in_channels=normalisation.in_channels,
        num_classes=args.num_classes or _num_classes(state, backbone.head, source),
        frames=args.frames or backbone.frames,
        normalisation=normalisation,
        source={"file": args.checkpoint.name, "sha256": sha256(args.checkpoint)},
    )
    variables, report = from_torch(state, _abstract(card), backbone.head, source=source)
    _save(args.out, card, _initialise_rest(variables))
    for line in report.lines():
        print(line)
    if outside:
        print(f"outside the network: {', '.join(outside)}")
    print(f"{args.out}: {card.model}, {card.num_classes} classes")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m vidkd_jax.convert", description=__doc__)
    parser.add_argument("--model", required=True, help="a name of `python -m vidkd_jax.models`")
    parser.add_argument("--checkpoint", required=True, type=Path, help=".pth, .pt, .tar, ...")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    parser.add_argument(
        "--num_classes", type=int, help="default: the checkpoint's; else a new classifier"
    )
    parser.add_argument("--width", type=float, default=1.0, help="factor on channels")
    parser.add_argument("--frames", type=int, help="of the clips; default: the network's")
    parser.add_argument(
        "--normalisation",
        help=f"of the input, where not the network's usual: {', '.join(NORMALISATIONS)}",
    )
    args = parser.parse_args(argv)
    for name in ("num_classes", "width", "frames"):
        if (value := getattr(args, name)) is not None and not value > 0:
            raise InputError(f"--{name}={value}: give a positive number")
    if args.normalisation not in {None, *NORMALISATIONS}:
        near = suggest(args.normalisation, NORMALISATIONS)
        raise InputError(f"--normalisation={args.normalisation}: no such{near}")
    return args


def _num_classes(state: dict[str, Any], head: str, source: str) -> int:
    """Returns the rows of the checkpoint's classifier."""
    if f"{head}.weight" not in state:
        raise InputError(f"{source}: has no classifier '{head}'; give --num_classes for a new one")
    return state[f"{head}.weight"].shape[0]


def _abstract(card: weights.Card) -> Variables:
    """Returns the shapes of the network's variables: nothing is computed."""
    model = models.create(
        card.model, card.num_classes, in_channels=card.in_channels, width=card.width
    )
    size = models.lookup(card.model).size
    clip = jax.ShapeDtypeStruct((1, card.frames, size, size, card.in_channels), jnp.float32)
    shapes = jax.eval_shape(lambda clip: model.init(jax.random.key(0), clip, train=False), clip)
    return Variables(shapes["params"], shapes["batch_stats"])


def _initialise_rest(variables: Variables) -> Variables:
    """Returns the variables with new values where the checkpoint had none: a linear head's."""

    def fresh(leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        initialise = nn.linear.default_kernel_init if leaf.ndim > 1 else nn.initializers.zeros
        return initialise(jax.random.key(0), leaf.shape, leaf.dtype)

    return jax.tree.map(fresh, variables)


def _save(out: Path, card: weights.Card, variables: Variables) -> None:
    try:
        weights.save(out, card, variables)
    except Exception as error:
        if not (is_disk_full(error) or isinstance(error, OSError)):
            raise
        cause = getattr(error, "strerror", None) or "no space left on device"
        raise InputError(f"--out={out}: {cause}; choose a folder that can be written to") from error


if __name__ == "__main__":
    run_command(main)
