"""Compares the convolutions of a 3D ResNet on CPU: `conv3d`, PyTorch's and XLA's native one.

    python -m benchmarks.conv --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

Prints one line of JSON per layer: milliseconds of the forward pass, and of the forward pass with
the gradients that training needs (the stem needs no gradient of its input). The sides run in turns
on the same cores. Times are medians of processor time divided by --threads, because other programs
on the machine disturb processor time less than wall-clock time.
"""

import argparse
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks import setting
from vidkd_jax.models.conv import conv3d


class Layer(NamedTuple):
    """One convolution: input [b, t, h, w, c_in], kernel (kt, kh, kw), symmetric padding k // 2."""

    name: str
    x: tuple[int, ...]
    kernel: tuple[int, int, int]
    c_out: int
    strides: tuple[int, int, int]

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Number of zeros before and after, along t, h and w."""
        return tuple((k // 2, k // 2) for k in self.kernel)


def layers(args: argparse.Namespace) -> Iterator[Layer]:
    """Yields the kinds of convolution in TY's ResNet-18, from the stem on."""
    b, t, s, c = args.batch, args.frames, args.size, round(64 * args.width)
    yield Layer("stem", (b, t, s, s, 3), (7, 7, 7), c, (1, 2, 2))
    s = -(-s // 2)
    for stage in range(1, 5):
        if stage > 1:
            yield Layer(f"stage{stage}_strided", (b, t, s, s, c), (3, 3, 3), 2 * c, (2, 2, 2))
            yield Layer(f"stage{stage}_shortcut", (b, t, s, s, c), (1, 1, 1), 2 * c, (2, 2, 2))
            t, s, c = -(-t // 2), -(-s // 2), 2 * c
        yield Layer(f"stage{stage}", (b, t, s, s, c), (3, 3, 3), c, (1, 1, 1))


def _native(x: jax.Array, kernel: jax.Array, *, strides: Any, padding: Any) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
    )


def jax_calls(layer: Layer, convolve: Callable[..., jax.Array]) -> dict[str, Callable[[], Any]]:
    """Returns functions that run the layer forward, and forward and backward."""
    rng = np.random.default_rng(0)
    kernel_shape = (*layer.kernel, layer.x[-1], layer.c_out)
    x, kernel = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in (layer.x, kernel_shape))
    run = functools.partial(convolve, strides=layer.strides, padding=layer.padding)
    arguments = (1,) if layer.name == "stem" else (0, 1)

    def loss(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return (run(x, kernel) ** 2).sum()

    forward, step = jax.jit(run), jax.jit(jax.value_and_grad(loss, arguments))
    return {
        "forward": lambda: jax.block_until_ready(forward(x, kernel)),
        "step": lambda: jax.block_until_ready(step(x, kernel)),
    }


def torch_calls(layer: Layer) -> dict[str, Callable[[], Any]]:
    """Returns the same functions in PyTorch, with channels_last_3d."""
    last = torch.channels_last_3d
    b, *size, c_in = layer.x
    x = torch.randn(b, c_in, *size).to(memory_format=last).requires_grad_(layer.name != "stem")
    kernel = torch.randn(layer.c_out, c_in, *layer.kernel).to(memory_format=last)
    kernel.requires_grad_(True)
    padding = [k // 2 for k in layer.kernel]

    def forward() -> torch.Tensor:
        with torch.no_grad():
            return torch.nn.functional.conv3d(x, kernel, None, layer.strides, padding)

    def step() -> None:
        x.grad = kernel.grad = None
        y = torch.nn.functional.conv3d(x, kernel, None, layer.strides, padding)
        (y**2).sum().backward()

    return {"forward": forward, "step": step}


def measure(layer: Layer, args: argparse.Namespace) -> dict[str, Any]:
    """Times the sides of a layer in turns, and returns the line to print."""
    sides = {"conv3d": jax_calls(layer, conv3d), "torch": torch_calls(layer)}
    if args.native:
        sides["native"] = jax_calls(layer, _native)
    result: dict[str, Any] = {"benchmark": "conv", **layer._asdict(), "threads": args.threads}
    for what in ("forward", "step"):
        taken = setting.take_turns(
            {name: calls[what] for name, calls in sides.items()}, steps=args.steps, warmup=1
        )
        median = {name: cpu / args.threads for name, (_, cpu) in taken.items()}
        result |= {f"{name}_{what}_ms": round(1e3 * t, 2) for name, t in median.items()}
        result[f"{what}_ratio"] = round(median["conv3d"] / median["torch"], 3)
    return result | setting.place("jax", "torch")


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON per layer."""
    parser = setting.parser(__doc__, steps=10)
    parser.set_defaults(threads=1)
    parser.add_argument("--native", action="store_true", help="also XLA's own, which is very slow")
    args = parser.parse_args(argv)
    setting.prepare(args.threads)  # before JAX starts its backend
    torch.set_num_threads(args.threads)
    for layer in layers(args):
        print(json.dumps(measure(layer, args)), flush=True)


if __name__ == "__main__":
    main()
