"""Measures a training step of one global batch on 1 to 8 devices, in 1 and 2 processes.

    python -m benchmarks.scaling --width=0.125 --frames=8 --size=48 --batch=16

Host devices share the cores of the machine, so the best possible ratio is 1. What is above 1 is the
cost of partitioning, of BatchNorm over all devices and of summing gradients. Prints one line of
JSON per setting. Each setting runs in one or two new processes.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks import setting

CLASSES = 14
SETTINGS = ((1, 1), (2, 1), (4, 1), (8, 1), (2, 2))  # devices, processes


def worker(args: argparse.Namespace) -> None:
    """Runs one process of a setting; prints the median seconds of a step."""
    import jax

    setting.prepare(args.threads)
    if args.processes > 1:
        jax.distributed.initialize(
            f"localhost:{args.port}", num_processes=args.processes, process_id=args.process
        )
    from vidkd_jax.runtime import sharding

    mesh = sharding.create_mesh()
    state, step, batch, key = setting.supervised(args, CLASSES)
    state = sharding.replicate(state, mesh)
    compiled = jax.jit(step, donate_argnums=0, out_shardings=sharding.replicated(mesh))
    share = slice(args.process, None, args.processes)
    batch = sharding.shard({name: values[share] for name, values in batch.items()}, mesh)
    times = []
    for _ in range(args.warmup + args.steps):
        started = time.perf_counter()
        state, metrics = compiled(state, {}, batch, key)
        float(metrics["loss"])
        times.append(time.perf_counter() - started)
    print(json.dumps({"seconds": statistics.median(times[args.warmup :])}))


def measure(args: argparse.Namespace, devices: int, processes: int) -> dict[str, Any]:
    """Starts the processes of one setting and returns the result of the first one."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    each = devices // processes
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={each}",
        "JAX_PLATFORMS": "cpu",
    }
    names = ("width", "frames", "size", "batch", "steps", "warmup", "threads")
    flags = [f"--{name}={getattr(args, name)}" for name in names]
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.scaling",
                *flags,
                f"--process={process}",
                f"--processes={processes}",
                f"--port={port}",
            ],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(processes)
    ]
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{devices} devices in {processes} processes: a worker failed")
    result: dict[str, Any] = json.loads(outputs[0].splitlines()[-1])
    return result


def main(argv: list[str] | None = None) -> None:
    """Measures every setting and prints one line of JSON for each."""
    parser = setting.parser(__doc__, steps=10)
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.process is not None:
        worker(args)
        return
    base = None
    for devices, processes in SETTINGS:
        measured = measure(args, devices, processes)
        base = base or measured["seconds"]
        line = {
            "benchmark": "scaling",
            "devices": devices,
            "processes": processes,
            "ms": round(1e3 * measured["seconds"], 1),
            "ratio": round(measured["seconds"] / base, 3),
            **setting.place("jax"),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
