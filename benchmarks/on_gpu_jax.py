"""JAX's side of `benchmarks.on_gpu`: a function for each kind of measurement."""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

from benchmarks import on_gpu_profile, setting
from vidkd_jax import models
from vidkd_jax.models.costs import count, matmul_flops_per_second

DTYPE = "bfloat16"
PROFILED_STEPS = 5


def matmul(args: argparse.Namespace) -> dict[str, Any]:
    """Measures a large matrix product, and counts the operations of each network."""
    gmacs = {}
    for name, network in args.networks.items():
        model = models.create(network["network"], args.classes, width=network["width"])
        shape = (network["frames"], network["size"], network["size"], 3)
        gmacs[name] = round(count(model, shape)[1] / 1e9, 6)
    speed = matmul_flops_per_second(DTYPE)
    return {"matmul_tflop_per_s": round(speed / 1e12, 3), "forward_gmacs": gmacs}


def supervised(args: argparse.Namespace) -> dict[str, Any]:
    """Measures the supervised training step."""
    made = setting.supervised(args, args.classes, dtype=DTYPE, network=args.network)
    return _timed_training(args, *made, {})


def teaching_yourself(args: argparse.Namespace) -> dict[str, Any]:
    """Measures TY's training step, which adds a teacher's forward pass."""
    made = setting.teaching_yourself(args, args.classes, dtype=DTYPE, network=args.network)
    return _timed_training(args, *made)


def augmented(args: argparse.Namespace) -> dict[str, Any]:
    """Measures TY's training step with its augmentation, which is part of the program."""
    made = setting.teaching_yourself(
        args, args.classes, dtype=DTYPE, network=args.network, augmented=True
    )
    return _timed_training(args, *made)


def forward(args: argparse.Namespace) -> dict[str, Any]:
    """Measures the forward pass of a network that does not train."""
    made = setting.forward(args, args.classes, dtype=DTYPE, network=args.network)
    variables, infer, host_batch = made
    batch = jax.device_put(host_batch)
    compiled, facts = _compile(jax.jit(infer), variables, batch)
    step, wait = lambda: compiled(variables, batch), jax.block_until_ready
    return setting.steady(step, wait, seconds=args.seconds) | facts


def profile(args: argparse.Namespace) -> dict[str, Any]:
    """Finds the five slowest operations of the supervised training step."""
    made = setting.supervised(args, args.classes, dtype=DTYPE, network=args.network)
    step, compiled, facts = _training(*made, {})
    times = setting.steady(step, jax.block_until_ready, seconds=args.seconds / 4)
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0  # Python's calls are not asked for, and slow the steps down
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            for _ in range(PROFILED_STEPS):
                done = step()
            jax.block_until_ready(done)
        events = on_gpu_profile.read(folder)
    found = on_gpu_profile.summary(events, compiled.as_text() or "", steps=PROFILED_STEPS)
    return times | found | facts


def _timed_training(args: argparse.Namespace, *made: Any) -> dict[str, Any]:
    step, _, facts = _training(*made)
    times = setting.steady(step, jax.block_until_ready, seconds=args.seconds)
    return times | facts | {"loss": round(float(step()), 4)}


def _training(
    state: Any, step: Any, host_batch: Any, key: Any, teachers: Any
) -> tuple[Callable[[], jax.Array], Any, dict[str, Any]]:
    """Returns a function that starts a step and returns its loss, the program, and its facts."""
    batch = jax.device_put(host_batch)
    jitted = jax.jit(step, donate_argnums=0)
    compiled, facts = _compile(jitted, state, teachers, batch, key)

    def one_step() -> jax.Array:
        nonlocal state
        state, metrics = compiled(state, teachers, batch, key)
        return metrics["loss"]

    return one_step, compiled, facts


def _compile(jitted: Any, *arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Returns a compiled program, and facts: the compilation's time, and the device's memory."""
    started = time.perf_counter()
    compiled = jitted.lower(*arguments).compile()
    seconds = time.perf_counter() - started
    memory = compiled.memory_analysis()
    given = memory.argument_size_in_bytes + memory.output_size_in_bytes
    peak = given - memory.alias_size_in_bytes + memory.temp_size_in_bytes
    return compiled, {"compile_s": round(seconds, 1), "device_peak_mib": round(peak / 2**20)}


KINDS: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "matmul": matmul,
    "supervised": supervised,
    "channels_last": supervised,
    "teaching_yourself": teaching_yourself,
    "augmented": augmented,
    "forward": forward,
    "profile": profile,
}


def device() -> str:
    """Returns what JAX computes on: "cpu", or the accelerator's name."""
    return jax.devices()[0].device_kind
