"""The student's training step against the same network's in PyTorch.

    python -m benchmarks.train_step --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

One process a side, stepping in turns on the same cores (or the same GPU), so that both see the
same machine. Prints one line of JSON: medians, their ratio (below 1: JAX is faster), clips per
second, peak memory, compile time, machine and versions. `cpu_ratio` compares processor time, which
other programs on the machine disturb less than time on the clock.

`..._mfu` is the network's FLOPs (three times its forward pass's) over what one large matrix product
of JAX's would have done in that time, at `matmul_gflop_per_s`: measured on a quiet machine.

The JAX side keeps freed memory (`vidkd_jax.memory`), as `vidkd_jax.main` does. PyTorch runs as it
comes, and on CPU once more with the same setting: `ratio_kept` is to that. `..._peak_mib` is of the
process, `..._device_peak_mib` of a GPU's memory.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import setting
from vidkd_jax.memory import keep_freed_memory

# What a side's process is asked for: a function that does one step and gives its loss, facts about
# the side, and a function that gives the bytes of a GPU's memory that it took at most (on CPU, 0).
Side = tuple[Callable[[], float], dict[str, Any], Callable[[], int]]


def jax_side(args: argparse.Namespace) -> Side:
    """This project's step."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the other side needs some of the card
    import jax

    from vidkd_jax import models
    from vidkd_jax.models.costs import count, matmul_flops_per_second

    keep_freed_memory()
    device = jax.devices()[0]
    dtype = "float32" if device.platform == "cpu" else "bfloat16"
    state, step, host_batch, key = setting.supervised(args, args.classes, dtype=dtype)
    batch = jax.device_put(host_batch)
    started = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=0).lower(state, (), batch, key).compile()
    facts = {"compile_s": round(time.perf_counter() - started, 1), "dtype": dtype}
    model = models.create("ty_r3d_18", args.classes, width=args.width)
    _, macs = count(model, host_batch["clip"].shape[1:])
    facts["step_gflop"] = round(3 * 2 * macs * args.batch / 1e9, 2)
    facts["matmul_gflop_per_s"] = round(matmul_flops_per_second(dtype) / 1e9, 1)
    facts |= {"jax": jax.__version__, "jax_device": device.device_kind}

    def one_step() -> float:
        nonlocal state
        state, metrics = compiled(state, (), batch, key)
        return float(metrics["loss"])

    return one_step, facts, lambda: (device.memory_stats() or {}).get("peak_bytes_in_use", 0)


def torch_side(args: argparse.Namespace) -> Side:
    """The same in PyTorch: channels_last_3d; on a GPU compiled and in bfloat16 autocast."""
    import torch

    from benchmarks.torch_resnet3d import ResNet3D

    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = ResNet3D(round(64 * args.width), args.frames, args.classes).to(device)
    network = network.to(memory_format=torch.channels_last_3d)
    forward = torch.compile(network) if device == "cuda" else network
    optimizer = torch.optim.SGD(
        network.parameters(),
        setting.LEARNING_RATE,
        momentum=setting.MOMENTUM,
        weight_decay=setting.WEIGHT_DECAY,
    )
    clip, label = (torch.from_numpy(v).to(device) for v in setting.clips(args, args.classes))
    clip = clip.permute(0, 4, 1, 2, 3)  # the memory is channels-last already

    def one_step() -> float:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = forward(clip.float() / 127.5 - 1)
            loss = torch.nn.functional.cross_entropy(logits, label)
        loss.backward()
        optimizer.step()
        return loss.item()

    def peak() -> int:
        return torch.cuda.max_memory_allocated() if device == "cuda" else 0

    return one_step, {"torch": torch.__version__, "torch_device": device}, peak


def torch_kept_side(args: argparse.Namespace) -> Side:
    """PyTorch with the same setting for freed memory as JAX."""
    keep_freed_memory()
    return torch_side(args)


def _serve(side: Callable[..., Any], args: argparse.Namespace, pipe: Connection) -> None:
    """Runs in a side's process: answers each message with the seconds that one step took."""
    setting.use_cores(args.threads)
    one_step, facts, device_peak = side(args)
    pipe.send(facts)
    while pipe.recv():
        started, cpu_started = time.perf_counter(), time.process_time()
        one_step()
        pipe.send((time.perf_counter() - started, time.process_time() - cpu_started))
    pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, device_peak() // 2**20))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Runs both sides in turns and returns the line to print."""
    context = multiprocessing.get_context("spawn")
    pipes, facts, times = {}, {}, {}
    sides = {"jax": jax_side, "torch": torch_side, "torch_kept": torch_kept_side}
    for name, side in sides.items():
        if name == "torch_kept" and facts["torch_device"] != "cpu":
            continue  # a GPU's memory is not the C library's
        pipes[name], theirs = context.Pipe()
        context.Process(target=_serve, args=(side, args, theirs), daemon=True).start()
        theirs.close()  # so that a side that dies ends the wait for it
        facts |= pipes[name].recv()
        times[name] = []
    if (facts["jax_device"] == "cpu") != (facts["torch_device"] == "cpu"):
        raise SystemExit(
            f"error: JAX computes on {facts['jax_device']}, PyTorch on {facts['torch_device']}; "
            "install both for the same device"
        )
    for _ in range(args.warmup + args.steps):
        for name, pipe in pipes.items():
            pipe.send(True)
            times[name].append(pipe.recv())
    result: dict[str, Any] = {"benchmark": "train_step", "command": " ".join(sys.argv[1:])}
    median = {}
    for name, pipe in pipes.items():
        pipe.send(False)
        median[name] = setting.medians(times[name][args.warmup :])
        result[f"{name}_ms"] = round(1e3 * median[name][0], 1)
        result[f"{name}_cpu_ms"] = round(1e3 * median[name][1], 1)
        result[f"{name}_clips_per_s"] = round(args.batch / median[name][0], 2)
        rate = facts["step_gflop"] / median[name][0]
        result[f"{name}_mfu"] = round(rate / facts["matmul_gflop_per_s"], 3)
        result[f"{name}_peak_mib"], device_peak = pipe.recv()
        if device_peak:
            result[f"{name}_device_peak_mib"] = device_peak
    for name, suffix in (("torch", ""), ("torch_kept", "_kept")):
        if name in median:
            result[f"ratio{suffix}"] = round(median["jax"][0] / median[name][0], 3)
            result[f"cpu_ratio{suffix}"] = round(median["jax"][1] / median[name][1], 3)
    return result | facts | {"machine": setting.machine(), "python": platform.python_version()}


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    parser = setting.parser(__doc__)
    parser.add_argument("--classes", type=int, default=101)
    print(json.dumps(measure(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
