"""Measures dense evaluation, including decoding: videos per second, and where the time goes.

    python -m benchmarks.inference --argument=marionette --root=data --threads=1

Runs every non-overlapping clip of the first --videos test videos through `EvalBatches` and the
compiled network, as at the end of a run. Prints one line of JSON: videos and clips per second of
the whole evaluation, and clips per second of reading alone (JPEG decoding and cropping) and of the
network alone.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from benchmarks import setting
from vidkd_jax.runtime.command import run_command


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the line to print."""
    setting.prepare(args.threads)
    import jax

    from vidkd_jax.data import Subset
    from vidkd_jax.evaluation.collect import collect
    from vidkd_jax.run.building import build_run
    from vidkd_jax.settings.config import read
    from vidkd_jax.settings.recipes import build

    overrides = {"data__root": args.root, "data__threads": args.threads}
    settings = read(build("inference", args.argument, **overrides, eval__batch_size=args.batch))
    run = build_run(settings)
    predict = run.predictor()
    test = Subset(run.splits.test.dataset, run.splits.test.videos[: args.videos])
    run = dataclasses.replace(run, splits=dataclasses.replace(run.splits, test=test))
    variables = run.initial_state().variables

    def batches() -> Any:
        return run.eval_batches(run.eval_clips(test))

    kept = [batch for batch, _ in zip(batches(), range(4), strict=False)]
    jax.block_until_ready(predict(variables, kept[0]))  # this call compiles

    def answered(batches: Iterable[Any]) -> int:
        return len(collect(partial(predict, variables), batches).labels)

    def whole() -> int:
        return answered(batches())

    def reading() -> int:
        return sum(int(batch["mask"].sum()) for batch in batches())

    def network() -> int:
        return answered(kept)

    sides = {"whole": whole, "reading": reading, "network": network}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(args.rounds):
        for name, side in sides.items():
            started = time.perf_counter()
            clips = side()
            rates[name].append(clips / (time.perf_counter() - started))
    median = {name: statistics.median(values) for name, values in rates.items()}
    clips_per_video = reading() / len(test.videos)
    return {
        "benchmark": "inference",
        "videos_per_s": round(median["whole"] / clips_per_video, 2),
        **{f"{name}_clips_per_s": round(value, 1) for name, value in median.items()},
        "clips_per_video": round(clips_per_video, 2),
        "device": jax.devices()[0].device_kind,
        **setting.place("jax"),
    }


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--argument", default="marionette", help="data set, as for configs")
    parser.add_argument("--root", default="data", help="folder of all records")
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(measure(parser.parse_args(argv))))


if __name__ == "__main__":
    run_command(main)
