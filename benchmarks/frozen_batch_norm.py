"""Measures the cost of frozen BatchNorm, unfolded and folded into the convolutions before it.

    python -m benchmarks.frozen_batch_norm --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

Runs the forward pass of TY's R3D-18 with running statistics in three forms, in turns in one
process: unfolded; folded, as teachers and evaluation run it; and without any BatchNorm, which is
the most that folding could save. Prints one line of JSON: processor times, and their ratios to the
unfolded form.
"""

import json
from typing import Any

from benchmarks import setting

CLASSES = 101


def measure(args: Any) -> dict[str, Any]:
    """Times the sides in turns and returns the line to print."""
    setting.prepare(args.threads)
    import jax
    from flax import linen as nn

    from vidkd_jax import models
    from vidkd_jax.networks.network import Network, Variables
    from vidkd_jax.run.state import create_variables

    model = models.create("ty_r3d_18", CLASSES, width=args.width)
    clip = setting.clips(args, CLASSES)[0].astype("float32") / 127.5 - 1
    variables = create_variables(jax.random.key(0), clip.shape[1:], model=model)

    def whole(variables: Variables, clip: Any) -> Any:
        return model.apply(variables.as_dict(), clip, train=False)["logits"]

    def folded(variables: Variables, clip: Any) -> Any:
        return Network(model).infer(variables, {"clip": clip[:, None]})["logits"]

    def skip(call: Any, inputs: Any, options: Any, context: Any) -> Any:
        is_norm = isinstance(context.module, nn.BatchNorm)
        return inputs[0] if is_norm else call(*inputs, **options)

    def without(variables: Variables, clip: Any) -> Any:
        with nn.intercept_methods(skip):
            return whole(variables, clip)

    sides = {"whole": whole, "folded": folded, "without": without}
    compiled = {
        name: jax.jit(side).lower(variables, clip).compile() for name, side in sides.items()
    }
    median = setting.take_turns(
        {
            name: lambda forward=forward: jax.block_until_ready(forward(variables, clip))
            for name, forward in compiled.items()
        },
        steps=args.steps,
        warmup=args.warmup,
    )
    cpu = {name: seconds for name, (_, seconds) in median.items()}
    return {
        "benchmark": "frozen_batch_norm",
        **{f"{name}_cpu_ms": round(1e3 * value, 2) for name, value in cpu.items()},
        **{f"{name}_ratio": round(cpu[name] / cpu["whole"], 3) for name in ("folded", "without")},
        "device": jax.devices()[0].device_kind,
        **setting.place("jax"),
    }


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    print(json.dumps(measure(setting.parser(__doc__).parse_args(argv))))


if __name__ == "__main__":
    main()
