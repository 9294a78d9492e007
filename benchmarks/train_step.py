"""The student's training step against the same network's in PyTorch.

    python -m benchmarks.train_step --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

One process a side, stepping in turns on the same cores (or the same GPU), so that both see the
same machine. Prints one line of JSON: medians, their ratio (below 1: JAX is faster), clips per
second, peak memory, compile time, machine and versions. `cpu_ratio` compares processor time, which
other programs on the machine disturb less than time on the clock. `--sides=jax` measures this
project's alone, where there is no PyTorch for the device, as on a TPU.

`..._mfu` is the network's FLOPs (three times its forward pass's, the gradient of the clip itself
among them, which nobody computes) over what one large matrix product of JAX's would have done in
that time, at `matmul_gflop_per_s`: measured on a quiet machine.

The JAX side keeps freed memory (`vidkd_jax.runtime.memory`), as `vidkd_jax.main` does. PyTorch
runs as it comes, and on CPU once more with the same setting: `ratio_kept` is to that.
`..._peak_mib` is of the process, `..._device_peak_mib` of an accelerator's memory: what XLA sets
aside for the step, and what PyTorch held at most after the warm-up, in which it tries out
algorithms.
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

# A side: a function that does one step and gives its loss, facts about it, and a function that
# gives the bytes of an accelerator's memory that a step takes at most (on CPU, 0).
Side = tuple[Callable[[], float], dict[str, Any], Callable[[], int]]


def jax_device() -> str:
    """Returns what JAX computes on: "cpu", or the accelerator's name."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the other side needs some of the card
    keep_freed_memory()  # before JAX has threads with memory of their own
    import jax

    return jax.devices()[0].device_kind


def jax_side(args: argparse.Namespace) -> Side:
    """This project's step."""
    import jax

    from vidkd_jax import models
    from vidkd_jax.models.costs import count, matmul_flops_per_second

    on_cpu = jax.default_backend() == "cpu"
    dtype = "float32" if on_cpu else "bfloat16"
    state, step, host_batch, key = setting.supervised(args, args.classes, dtype=dtype)
    batch = jax.device_put(host_batch)
    started = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=0).lower(state, {}, batch, key).compile()
    facts = {"compile_s": round(time.perf_counter() - started, 1), "dtype": dtype}
    model = models.create("ty_r3d_18", args.classes, width=args.width)
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
    """Returns what PyTorch computes on: "cpu", or the GPU's name."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def torch_side(args: argparse.Namespace) -> Side:
    """The same in PyTorch: channels_last_3d; on a GPU compiled, tuned and in bfloat16 autocast."""
    import torch

    from benchmarks.torch_resnet3d import ResNet3D

    torch.set_num_threads(args.threads)
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    torch.backends.cudnn.benchmark = True  # the fastest algorithm for each shape, as XLA looks for
    network = ResNet3D(round(64 * args.width), args.frames, args.classes).to(device)
    network = network.to(memory_format=torch.channels_last_3d)
    forward = torch.compile(network) if on_gpu else network
    optimizer = torch.optim.SGD(
        network.parameters(),
        setting.LEARNING_RATE,
        momentum=setting.MOMENTUM,
        weight_decay=setting.WEIGHT_DECAY,
        fused=on_gpu,
    )
    clip, label = (torch.from_numpy(v).to(device) for v in setting.clips(args, args.classes))
    clip = clip.permute(0, 4, 1, 2, 3)  # the memory is channels-last already
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
    """PyTorch with the same setting for freed memory as JAX."""
    keep_freed_memory()
    return torch_side(args)


SIDES: Mapping[str, tuple[Callable[[], str], Callable[[argparse.Namespace], Side]]] = {
    "jax": (jax_device, jax_side),
    "torch": (torch_device, torch_side),
    "torch_kept": (torch_device, torch_kept_side),
}


def _serve(name: str, args: argparse.Namespace, pipe: Connection) -> None:
    """Runs in a side's process: says its device, and then how long each step took."""
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
    """Starts the sides' processes; returns the ways to them, and the device that they share.

    Raises:
      SystemExit: they would not compute on the same device.
    """
    context = multiprocessing.get_context("spawn")
    pipes, devices = {}, {}
    for name in args.sides:
        pipes[name], theirs = context.Pipe()
        context.Process(target=_serve, args=(name, args, theirs), daemon=True).start()
        theirs.close()  # so that a side that dies ends the wait for it
        devices[name] = pipes[name].recv()
    if len({device == "cpu" for device in devices.values()}) > 1:
        said = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise SystemExit(f"error: {said}: install both for the same device, or use --sides=jax")
    device = devices[args.sides[0]]
    if device != "cpu" and "torch_kept" in pipes:
        pipes.pop("torch_kept").send(False)  # a GPU's memory is not the C library's
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
    parser.add_argument("--classes", type=int, default=101)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    print(json.dumps(measure(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
