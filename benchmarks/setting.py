"""What the benchmarks share: the flags that say what is measured, its clips, and the machine."""

import argparse
import os
import pathlib
import platform

import numpy as np


def parser(doc: str | None, *, steps: int = 20) -> argparse.ArgumentParser:
    """Returns a parser of the common flags; `doc` is the benchmark's docstring."""
    flags = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    flags.add_argument("--width", type=float, default=1.0, help="1.0 is 64 channels in the stem")
    flags.add_argument("--frames", type=int, default=16)
    flags.add_argument("--size", type=int, default=112)
    flags.add_argument("--batch", type=int, default=2)
    flags.add_argument("--threads", type=int, default=os.cpu_count())
    flags.add_argument("--steps", type=int, default=steps)
    flags.add_argument("--warmup", type=int, default=2)
    return flags


def clips(args: argparse.Namespace, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns random clips uint8 [b, t, h, w, 3] and labels int64 [b]."""
    rng = np.random.default_rng(0)
    shape = (args.batch, args.frames, args.size, args.size, 3)
    return rng.integers(0, 256, shape, np.uint8), rng.integers(0, classes, args.batch)


def use_cores(threads: int) -> None:
    """Keeps this process to its last cores: XLA takes as many threads as it has cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def machine() -> str:
    """Returns the processor's name and its number of cores."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        return f"{names[0]}, {len(names)} cores"
    except (OSError, IndexError):
        return f"{platform.processor()}, {os.cpu_count()} cores"
