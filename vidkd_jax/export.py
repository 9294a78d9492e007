"""Writes a network to a file that JAX runs without this program: `--run=runs/mine --out=mine`.

`OUT/network.jaxexport` holds the weights and the program for CPUs, GPUs and TPUs, from clips of
pixels to probabilities, any number of clips at a time. `OUT/network.json` says how clips are cut,
and the names of the classes. vidkd_jax is not needed to run it.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from vidkd_jax import __version__, samplers
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.inference import pair
from vidkd_jax.inference.loaded import add_run, calibrated, load
from vidkd_jax.inference.pair import Pair
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.files import make_folder, write_bytes, write_json

NETWORK, DESCRIPTION = "network.jaxexport", "network.json"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_USUAL = ("cpu", "cuda", "tpu")
_TOLERANCE = 1e-5  # of probabilities, between the file and the network that it was made of
_USE = """\
# pip install jax flatbuffers
import json, pathlib
import jax.export
folder = pathlib.Path({folder!r})
network = jax.export.deserialize((folder / "{network}").read_bytes())
classes = json.loads((folder / "{description}").read_text())["class_names"]
probabilities = network.call(clips)  # uint8 {clips} to float32 [b, {classes}]"""


def main(argv: list[str] | None = None) -> None:
    """Exports one network; see `--help`.

    Raises:
      InputError: there is no such network, it has no trained classifier, or flatbuffers is missing.
      RunError: the file gives other answers than the network.
    """
    args = _parse(argv)
    platforms = _platforms(args.platforms)
    run = load("--run", args.run)
    if args.calibrated:
        run = calibrated(run, args.run, "clip")
    answering = pair.pair(run, None)
    make_folder("--out", args.out)
    print("exporting: traces the network for each platform", file=sys.stderr)
    data = serialised(answering, platforms)
    _check(answering, data, platforms)
    if (args.out / NETWORK).exists():
        print(f"replacing the network that was in '{args.out}'", file=sys.stderr)
    write_bytes(args.out / NETWORK, data)
    write_json(args.out / DESCRIPTION, description(answering, platforms))
    size = len(data) / 2**20
    shape = ", ".join(map(str, ("b", *clip_shape(answering))))
    use = _USE.format(
        folder=str(args.out),
        network=NETWORK,
        description=DESCRIPTION,
        clips=f"[{shape}]",
        classes=len(answering.class_names),
    )
    print(f"{args.out / NETWORK}: {size:.1f} MiB, for {', '.join(platforms)}; in your program:\n")
    print(use)


def serialised(answering: Pair, platforms: Sequence[str]) -> bytes:
    """Returns the program with its weights, in the form that `jax.export.deserialize` reads.

    Args:
      answering: the network, as `teacher`.
      platforms: names of PLATFORMS.

    Raises:
      InputError: the package flatbuffers is missing.
    """
    (b,) = export.symbolic_shape("b")
    clips = jax.ShapeDtypeStruct((b, *clip_shape(answering)), jnp.uint8)
    program = export.export(jax.jit(_probabilities(answering)), platforms=platforms)(clips)
    try:
        return bytes(program.serialize())
    except ImportError as error:
        raise InputError(
            "jax.export needs the package flatbuffers; install it with pip install "
            "'vidkd_jax[export]'"
        ) from error


def clip_shape(answering: Pair) -> tuple[int, ...]:
    """Returns the shape of a clip's pixels, (t, h, w, 3); (n, t, h, w, 3) where it sees n."""
    n, *one = _seen_shape(answering)
    return tuple(one) if n == 1 else (n, *one)


def _seen_shape(answering: Pair) -> tuple[int, ...]:
    """Returns the shape (n, t, h, w, 3) of the clips of a video that the network sees."""
    drawn, *one = answering.clip_shape
    clips = answering.teacher.network.clips
    return (drawn if clips is None else len(clips), *one)


def description(answering: Pair, platforms: Sequence[str]) -> dict[str, Any]:
    """Returns what a program must know to cut clips and to read the answers."""
    cutting = answering.cutting
    return {
        "class_names": list(answering.class_names),
        "clip": list(clip_shape(answering)),
        "frames": samplers.as_json(answering.own),
        "frames_in_words": answering.own.describe(),
        "clips": None if (clips := answering.teacher.network.clips) is None else list(clips),
        "fps": cutting.fps,
        "short_side": cutting.short_side,
        "crop": cutting.crop,
        "average": cutting.average,
        "temperature": answering.teacher.temperature,
        "platforms": list(platforms),
        "jax": jax.__version__,
        "vidkd_jax": __version__,
    }


def _probabilities(answering: Pair) -> Any:
    """Returns the function from clips, uint8 [b, ...], to probabilities, float32 [b, k].

    Of a network that answers each of its n clips, they are averaged as those of a video are.
    """
    network = dataclasses.replace(answering.teacher.network, clips=None)  # it is given no others
    asked, shape = dataclasses.replace(answering.teacher, network=network), _seen_shape(answering)

    def mean_over_clips(answers: jax.Array) -> jax.Array:
        return answers.reshape(answers.shape[0], -1, answers.shape[-1]).mean(axis=1)

    def answer(clips: jax.Array) -> jax.Array:
        clips = clips.reshape(-1, *shape)
        rows = jnp.zeros(clips.shape[0], jnp.int32)
        batch = {"clip": clips, "label": rows, "video": rows, "mask": rows == 0}
        logits = asked.step(asked.variables, batch)["logits"].astype(jnp.float32)
        if answering.cutting.average == "logits":
            return jax.nn.softmax(mean_over_clips(logits), axis=-1)
        return mean_over_clips(jax.nn.softmax(logits, axis=-1))

    return answer


def _check(answering: Pair, data: bytes, platforms: Sequence[str]) -> None:
    """Refuses a file that does not answer random clips as the network does.

    Where the file is not for this machine, one that is made in the same way for it is asked.
    """
    if (here := export.default_export_platform()) not in platforms:
        data = serialised(answering, (here,))
    shape = (2, *clip_shape(answering))
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = export.deserialize(bytearray(data)).call(clips)
    wanted = jax.jit(_probabilities(answering))(clips)
    if not (error := float(jnp.max(jnp.abs(found - wanted)))) <= _TOLERANCE:
        raise RunError(
            f"the exported network's probabilities differ by {error:.1e} from the network's; it "
            "was not written. Use another version of JAX, and report this"
        )


def _platforms(text: str) -> tuple[str, ...]:
    """Returns the names in a list with commas.

    Raises:
      InputError: one is unknown, or there is none.
    """
    names = tuple(dict.fromkeys(name for name in text.split(",") if name))
    if not names or not set(names) <= set(PLATFORMS):
        raise InputError(f"--platforms={text}: give some of {','.join(PLATFORMS)}")
    return names


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m vidkd_jax.export", description=__doc__)
    add_run(parser)
    add = parser.add_argument
    add("--out", required=True, type=Path, help="folder to write to")
    add("--calibrated", action="store_true", help="probabilities by the run's clip_temperature")
    add("--platforms", default=",".join(_USUAL), help=f"where it shall run ({','.join(_USUAL)})")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main, goes_on=False)
