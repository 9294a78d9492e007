"""Measures the time to the first step (import, initialise, compile) with a cold and a warm cache.

    python -m benchmarks.startup --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

Prints one line of JSON for each of two new processes. The first process has an empty compilation
cache. The second has the cache of the first, like a run that is resumed. Not measured: opening the
records and, in a resumed run, reading the checkpoint.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks import setting

CLASSES = 101


def worker(args: argparse.Namespace) -> None:
    """Runs one process; prints the seconds of each stage."""
    setting.prepare(args.threads)
    marks = [time.perf_counter()]
    import jax

    # Imports everything that a run imports.
    import vidkd_jax.main  # noqa: F401

    marks.append(time.perf_counter())
    state, step, batch, key = setting.supervised(args, CLASSES)
    jax.block_until_ready(state)
    marks.append(time.perf_counter())
    compiled = jax.jit(step, donate_argnums=0).lower(state, {}, batch, key).compile()
    marks.append(time.perf_counter())
    _, metrics = compiled(state, {}, batch, key)
    float(metrics["loss"])
    marks.append(time.perf_counter())
    names = ("import", "initialise", "compile", "first_step")
    stages = {
        f"{name}_s": round(after - before, 2)
        for name, (before, after) in zip(names, itertools.pairwise(marks), strict=True)
    }
    print(json.dumps({**stages, "total_s": round(marks[-1] - marks[0], 2)}))


def main(argv: list[str] | None = None) -> None:
    """Measures with a cold and a warm cache and prints one line of JSON for each."""
    parser = setting.parser(__doc__)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        worker(args)
        return
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": cache}
        for state in ("cold", "warm"):
            command = [sys.executable, "-m", "benchmarks.startup", "--worker", *sys.argv[1:]]
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            line = {
                "benchmark": "startup",
                "cache": state,
                **json.loads(done.stdout.splitlines()[-1]),
                **setting.place("jax"),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
