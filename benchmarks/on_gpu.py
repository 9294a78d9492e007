"""Measures this project on a GPU beside PyTorch: most important first, in at most 8 minutes.

    bash benchmarks/on_gpu.sh [OUT_FOLDER]

Adds lines of JSON to OUT_FOLDER/on_gpu_<card>.jsonl and prints them, each as soon as it is
measured. Each measurement runs in its own process. A measurement that fails or hangs leaves a line
with "error"; one that would begin after the deadline leaves a line with "left_out".

"side" is jax (this project), torch (the same network with `torch.compile`), or ratio: JAX's time
over PyTorch's, below 1 where JAX is faster. "tflop_per_s" is computed from the forward pass's
multiplications and additions, times 3 for a supervised step and 4 for a step with a teacher.
"matmul_share" divides it by the speed of a large matrix product, the faster side's.

"device_peak_mib" is what XLA sets aside for the step, or the most that PyTorch held after cuDNN
chose its algorithms. "compile_s" of PyTorch is the time of the first step. The processes share a
cache of compiled programs, which is empty at first: later compilations may be faster for it.

This file starts with the standard library alone, so that it can say which package is missing.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from benchmarks.on_gpu_plan import FORWARD_PASSES, SIDES, Measurement, plan
from benchmarks.on_gpu_process import Process

ROOT = pathlib.Path(__file__).resolve().parents[1]
_SHORTEST = 30.0  # seconds, in which a measurement can begin, compile and end
NEEDED = ("jax", "flax", "optax", "chex", "numpy", "torch")
CUDNN = ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12")
_FLAGS = {
    # A trace names the kernels in a command buffer after the buffer (openxla/xprof#3070).
    "profile": "--xla_gpu_enable_command_buffer=",
    "channels_last": "--xla_gpu_force_conv_nhwc=true",
}
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "jax": ("jax", "jaxlib", "flax", *CUDNN),
    "torch": ("torch", "triton", *CUDNN),
}


def card(*, dry_run: bool) -> tuple[str, str]:
    """Returns the card's name and its driver's version, as the driver's own tool says."""
    tool = shutil.which("nvidia-smi")
    if dry_run or not tool:
        return "dry_run" if dry_run else "unknown_card", ""
    asked = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader", "--id=0"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown_card", ""
    name, _, driver = said.strip().partition(", ")
    return name, driver


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Returns the versions of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def environment(measurement: Measurement, cache: str) -> dict[str, str]:
    """Returns the environment of a measurement's process; `cache` is a folder."""
    flags = [os.environ.get("XLA_FLAGS", "")]
    changed = {
        "JAX_COMPILATION_CACHE_DIR": f"{cache}/jax",
        "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch",
    }
    if measurement.dry_run:
        flags.append("--xla_backend_optimization_level=0")  # compiles a third faster
        # One thread for PyTorch: threads that wait for a busy core make a tiny step take seconds.
        changed |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    else:
        flags.append(_FLAGS.get(measurement.kind, ""))
    return {**os.environ, **changed, "XLA_FLAGS": " ".join(flags).strip()}


def run(
    measurements: Sequence[Measurement], *, deadline: float, limit: float
) -> Iterator[tuple[Measurement, dict[str, Any]]]:
    """Yields each measurement with what it found, or why it found nothing.

    While a measurement runs, the next one's process imports its libraries. That takes seconds of
    CPU time, and ends before the running measurement has compiled its step.

    Args:
      measurements: in this order.
      deadline: seconds for all; none begins after that.
      limit: seconds for one.
    """
    end = time.monotonic() + deadline
    begun: dict[Measurement, Process] = {}
    with contextlib.ExitStack() as stack:
        # One folder for all calls, so that a second one on the machine compiles nothing twice.
        cache = f"{tempfile.gettempdir()}/vidkd_on_gpu_cache"
        if measurements and measurements[0].dry_run:
            cache = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        try:
            for index, measurement in enumerate(measurements):
                left = end - time.monotonic()
                if left < (0 if measurement.dry_run else _SHORTEST):
                    yield measurement, {"left_out": f"the deadline of {deadline:g} s has passed"}
                    continue
                for each in measurements[index : index + 2]:
                    if each not in begun:
                        command = ("-m", "benchmarks.on_gpu_measure", each.arguments())
                        place = environment(each, cache)
                        begun[each] = Process((sys.executable, *command), place, cwd=ROOT)
                yield measurement, begun[measurement].result(min(limit, left))
        finally:
            for process in begun.values():
                process.end()


def lines(args: argparse.Namespace, place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yields the lines: the machine, each measurement, and the ratio once both sides are there."""
    from benchmarks import setting  # needs numpy

    yield {
        "measurement": "machine",
        **place,
        "command": " ".join(sys.argv[1:]),
        "machine": setting.machine(),
        "python": platform.python_version(),
        **versions((*NEEDED, "jaxlib", "triton", *CUDNN)),
    }
    matmul, gmacs, ms = 0.0, {}, {}
    measurements = plan(only=args.only, sides=args.sides, dry_run=args.dry_run)
    for measurement, found in run(measurements, deadline=args.deadline, limit=args.limit):
        matmul = max(matmul, found.get("matmul_tflop_per_s", 0.0))
        gmacs |= found.get("forward_gmacs", {})
        named = {"measurement": measurement.name, "side": measurement.side}
        line = named | measurement.workload() | found | rates(measurement, found, gmacs, matmul)
        yield line | dict(place) | versions(VERSIONS[measurement.side])
        if "ms" in found:
            ms[measurement.name, measurement.side] = found["ms"]
            ours, theirs = (ms.get((measurement.name, side)) for side in SIDES)
            if ours and theirs:
                yield named | {"side": "ratio", "ratio": round(ours / theirs, 3), **place}


def rates(
    measurement: Measurement, found: Mapping[str, Any], gmacs: Mapping[str, float], matmul: float
) -> dict[str, float]:
    """Returns what follows from the time of a step; nothing where there is none.

    Args:
      measurement: of the step.
      found: its "ms", milliseconds.
      gmacs: of a forward pass of each network, for one clip.
      matmul: the speed of a matrix product, TFLOP/s; 0 where nothing is known of it.
    """
    if "ms" not in found:
        return {}
    clips = 1e3 * measurement.workload()["batch"] / found["ms"]
    result = {"clips_per_s": round(clips, 2)}
    if measurement.network in gmacs:
        passes = FORWARD_PASSES[measurement.kind]
        speed = 2 * passes * gmacs[measurement.network] * clips / 1e3
        result["tflop_per_s"] = round(speed, 6 if measurement.dry_run else 2)
        if matmul:
            result["matmul_share"] = round(speed / matmul, 6 if measurement.dry_run else 3)
    return result


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Returns the flags."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    flags.add_argument("out", nargs="?", help="folder of the lines; default: $OUT, or results/")
    flags.add_argument("--dry_run", action="store_true", help="tiny networks on a CPU, as a test")
    names = list(dict.fromkeys(measurement.name for measurement in plan()))
    flags.add_argument("--only", nargs="+", default=[], choices=names, metavar="NAME")
    flags.add_argument("--sides", nargs="+", default=SIDES, choices=SIDES)
    flags.add_argument("--deadline", type=float, default=480, help="seconds for all")
    flags.add_argument("--limit", type=float, default=200, help="seconds for each measurement")
    flags.epilog = f"--only takes some of: {', '.join(names)}"
    return flags.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the lines, and adds them to the card's file.

    Raises:
      SystemExit: what every measurement needs is not installed.
    """
    args = parse(argv)
    # As an exception, so that the processes of the measurements are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"missing: {', '.join(missing)}; install what is missing to measure everything",
            file=sys.stderr,
        )
    if "numpy" in missing:
        raise SystemExit(1)
    name, driver = card(dry_run=args.dry_run)
    # The lines of a dry run are not results.
    default = tempfile.gettempdir() if args.dry_run else ROOT / "benchmarks/results"
    folder = pathlib.Path(args.out or os.environ.get("OUT") or default)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"on_gpu_{re.sub(r'[^A-Za-z0-9.-]+', '_', name)}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        for line in lines(args, {"card": name, "driver": driver}):
            text = json.dumps(line)
            print(text, flush=True)
            print(text, file=file, flush=True)
    print(f"The lines are in {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
