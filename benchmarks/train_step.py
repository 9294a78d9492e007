"""Compares the training step of a student with the step of the same network in PyTorch.

    python -m benchmarks.train_step --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

Each side has its own process. The processes run steps in turns on the same cores (or the same GPU),
so that both run under the same conditions. Prints one line of JSON: medians, their ratio (below 1,
JAX is faster), clips per second, peak memory, compile time, machine and versions. `cpu_ratio`
compares processor time, which other programs on the machine disturb less than wall-clock time.
`--sides=jax` measures only this project, for devices without PyTorch, such as TPUs.

`..._mfu` is the FLOPs of the step divided by the FLOPs that one large matrix product of JAX does in
the same time, at `matmul_gflop_per_s`, which is measured while nothing else runs. The FLOPs of the
step are three times those of the forward pass. This includes the gradient of the clip, although no
side computes it.

The JAX side keeps freed memory (`vidkd_jax.runtime.memory`), as `vidkd_jax.main` does. PyTorch runs
with its defaults and, on CPU, a second time with the same memory setting; `ratio_kept` is the ratio
to the second. `..._peak_mib` is the peak memory of the process. `..._device_peak_mib` is memory of
an accelerator: for JAX what XLA reserves for the step, for PyTorch the peak after the warm-up, in
which PyTorch tries out algorithms.
"""

import argparse
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import setting
from vidkd_jax.runtime.memory import keep_freed_memory

# A side: a function that runs one step and returns its loss; facts about the side; and a function
# that returns the peak of an accelerator's memory in a step, in bytes (0 on CPU).
Side = tuple[Callable[[], float], dict[str, Any], Callable[[], int]]


def jax_device() -> str:
    """Returns the device of JAX: "cpu", or the name of the accelerator."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # leave GPU memory for the other side
    keep_freed_memory()  # before JAX starts threads, which have heaps of their own
    import jax

    return jax.devices()[0].device_kind


def jax_side(args: argparse.Namespace) -> Side:
    """Builds the step of this project."""
    import jax

    from vidkd_jax import models
    from vidkd_jax.models.costs import count, matmul_flops_per_second

    on_cpu = jax.default_backend() == "cpu"
    dtype = "float32" if on_cpu else "bfloat16"
    state, step, host_batch, key = setting.supervised(
        args, args.classes, dtype=dtype, network=args.network
    )
    batch = jax.device_put(host_batch)
    started = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=0).lower(state, {}, batch, key).compile()
    facts = {"compile_s": round(time.perf_counter() - started, 1), "dtype": dtype}
    model = models.create(args.network, args.classes, width=args.width)
    _, macs = count(model, host_batch["clip"].shape[2:])
    facts["step_gflop"] = round(3 * 2 * macs * args.batch / 1e9, 2)
    facts["matmul_gflop_per_s"] = round(matmul_flops_per_second(dtype) / 1e9, 1)

    def one_step() -> float:
        nonlocal state
        state, metrics = compiled(state, {}, batch, key)
        return float(metrics["loss"])

    def peak() -> int:
        memory = compiled.memory_analysis()
        given = memory.argument_size_in_bytes + memory.output_size_in_bytes
        return 0 if on_cpu else given - memory.alias_size_in_bytes + memory.temp_size_in_bytes

    return one_step, facts, peak


def torch_device() -> str:
    """Returns the device of PyTorch: "cpu", or the name of the GPU."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def torch_side(args: argparse.Namespace) -> Side:
    """Builds the same step in PyTorch, with channels_last_3d.

    On a GPU, the step is compiled, tuned and run with bfloat16 autocast.
    """
    import torch

    from benchmarks.torch_resnet3d import ResNet3D
    from benchmarks.torch_x3d import DEPTHS, X3D

    torch.set_num_threads(args.threads)
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    torch.backends.cudnn.benchmark = True  # find the fastest algorithm for each shape, like XLA
    network: torch.nn.Module
    if args.network == "x3d_s":
        network = X3D(DEPTHS["x3d_s"], width=args.width, classes=args.classes)
    else:
        network = ResNet3D(round(64 * args.width), args.frames, args.classes)
    network = network.to(device, memory_format=torch.channels_last_3d)
    forward = torch.compile(network) if on_gpu else network
    optimizer = torch.optim.SGD(
        network.parameters(),
        setting.LEARNING_RATE,
        momentum=setting.MOMENTUM,
        weight_decay=setting.WEIGHT_DECAY,
        fused=on_gpu,
    )
    clip, label = (torch.from_numpy(v).to(device) for v in setting.clips(args, args.classes))
    clip = clip.permute(0, 4, 1, 2, 3)  # the memory layout is already channels-last
    done = 0

    def one_step() -> float:
        nonlocal done
        if on_gpu and done == args.warmup:
            torch.cuda.reset_peak_memory_stats()
        done += 1
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
            logits = forward(clip.float() / 127.5 - 1)
            loss = torch.nn.functional.cross_entropy(logits, label)
        loss.backward()
        optimizer.step()
        return loss.item()

    def peak() -> int:
        return torch.cuda.max_memory_allocated() if on_gpu else 0

    return one_step, {}, peak


def torch_kept_side(args: argparse.Namespace) -> Side:
    """Builds the PyTorch step in a process that keeps freed memory, like the JAX side."""
    keep_freed_memory()
    return torch_side(args)


SIDES: Mapping[str, tuple[Callable[[], str], Callable[[argparse.Namespace], Side]]] = {
    "jax": (jax_device, jax_side),
    "torch": (torch_device, torch_side),
    "torch_kept": (torch_device, torch_kept_side),
}


def _serve(name: str, args: argparse.Namespace, pipe: Connection) -> None:
    """Runs in the process of a side; sends its device, and then the time of each step."""
    setting.use_cores(args.threads)
    device, build = SIDES[name]
    pipe.send(device())
    if not pipe.recv():
        return
    one_step, facts, device_peak = build(args)
    pipe.send(facts)
    while pipe.recv():
        started, cpu_started = time.perf_counter(), time.process_time()
        one_step()
        pipe.send((time.perf_counter() - started, time.process_time() - cpu_started))
    pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, device_peak() // 2**20))


def _start(args: argparse.Namespace) -> tuple[dict[str, Connection], str]:
    """Starts the processes of the sides; returns the pipes to them, and their common device.

    Raises:
      SystemExit: The sides would not run on the same device.
    """
    context = multiprocessing.get_context("spawn")
    pipes, devices = {}, {}
    for name in args.sides:
        pipes[name], theirs = context.Pipe()
        context.Process(target=_serve, args=(name, args, theirs), daemon=True).start()
        theirs.close()  # so that `recv` raises an error if the process dies
        devices[name] = pipes[name].recv()
    if len({device == "cpu" for device in devices.values()}) > 1:
        said = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise SystemExit(f"error: {said}; install both for the same device, or use --sides=jax")
    device = devices[args.sides[0]]
    if device != "cpu" and "torch_kept" in pipes:
        pipes.pop("torch_kept").send(False)  # the C library's memory setting does not matter on GPU
    return pipes, device


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Runs the sides in turns and returns the line to print."""
    pipes, device = _start(args)
    facts: dict[str, Any] = {"device": device}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in pipes}
    for pipe in pipes.values():
        pipe.send(True)
        facts |= pipe.recv()
    for _ in range(args.warmup + args.steps):
        for name, pipe in pipes.items():
            pipe.send(True)
            times[name].append(pipe.recv())
    result: dict[str, Any] = {"benchmark": "train_step"}
    median = {}
    for name, pipe in pipes.items():
        pipe.send(False)
        median[name] = setting.medians(times[name][args.warmup :])
        result[f"{name}_ms"] = round(1e3 * median[name][0], 1)
        result[f"{name}_cpu_ms"] = round(1e3 * median[name][1], 1)
        result[f"{name}_clips_per_s"] = round(args.batch / median[name][0], 2)
        if "step_gflop" in facts:
            rate = facts["step_gflop"] / median[name][0]
            result[f"{name}_mfu"] = round(rate / facts["matmul_gflop_per_s"], 3)
        result[f"{name}_peak_mib"], device_peak = pipe.recv()
        if device_peak:
            result[f"{name}_device_peak_mib"] = device_peak
    for name, suffix in (("torch", ""), ("torch_kept", "_kept")):
        if {"jax", name} <= set(median):
            result[f"ratio{suffix}"] = round(median["jax"][0] / median[name][0], 3)
            result[f"cpu_ratio{suffix}"] = round(median["jax"][1] / median[name][1], 3)
    return result | facts | setting.place(*({"jax", "torch"} & set(pipes)))


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    parser = setting.parser(__doc__)
    parser.add_argument("--network", default="ty_r3d_18", choices=("ty_r3d_18", "x3d_s"))
    parser.add_argument("--classes", type=int, default=101)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    print(json.dumps(measure(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
