"""Parts that the benchmarks share: flags, clips, timing in turns, and facts about the machine."""

import argparse
import importlib.metadata
import os
import pathlib
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 5e-4  # TY, section IV.A
KD_WEIGHT, TEMPERATURE = 0.2, 5.0  # TY, Table 8


def parser(doc: str | None, *, steps: int = 20) -> argparse.ArgumentParser:
    """Returns a parser for the common flags; `doc` is the docstring of the benchmark."""
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


def supervised(
    args: argparse.Namespace, classes: int, *, dtype: str = "float32", network: str = "ty_r3d_18"
) -> tuple[Any, Callable[..., Any], dict[str, np.ndarray], Any]:
    """Returns the supervised step of a network: state, step, batch on the host, and key.

    A step's teachers are {}.
    """
    made = _training(args, classes, method="supervised", dtype=dtype, network=network)
    state, step, batch, key, _ = made
    return state, step, batch, key


def teaching_yourself(
    args: argparse.Namespace,
    classes: int,
    *,
    dtype: str = "float32",
    network: str = "ty_r3d_18",
    augmented: bool = False,
) -> tuple[Any, Callable[..., Any], dict[str, np.ndarray], Any, Mapping[str, Any]]:
    """Returns TY's step, as `supervised` does, and its teachers: one, of the same network."""
    return _training(
        args,
        classes,
        method="teaching_yourself",
        augmented=augmented,
        dtype=dtype,
        network=network,
        kd_weight=KD_WEIGHT,
        temperature=TEMPERATURE,
    )


def forward(
    args: argparse.Namespace, classes: int, *, dtype: str = "float32", network: str = "ty_r3d_18"
) -> tuple[Any, Callable[..., Any], dict[str, np.ndarray]]:
    """Returns a network that does not train: variables, a function to logits, and the batch."""
    import jax

    from vidkd_jax import augment, models
    from vidkd_jax.networks.network import Network
    from vidkd_jax.run.state import create_variables

    model = models.create(network, classes, width=args.width, dtype=dtype)
    clip, _ = clips(args, classes)
    variables = create_variables(jax.random.key(0), clip.shape[1:], model=model)

    def infer(variables: Any, batch: Mapping[str, Any]) -> Any:
        views = {"clip": augment.normalise(batch["clip"])}
        return Network(model).infer(variables, views)["logits"]

    return variables, infer, {"clip": clip[:, None]}


def _training(
    args: argparse.Namespace,
    classes: int,
    *,
    method: str,
    dtype: str,
    network: str,
    augmented: bool = False,
    **options: float,
) -> tuple[Any, Callable[..., Any], dict[str, np.ndarray], Any, Mapping[str, Any]]:
    """Returns a method's step: state, step, batch on the host, key, and teachers by source.

    The teachers are networks like the student, one for each source of the method.
    """
    import jax

    from vidkd_jax import augment, methods, models
    from vidkd_jax.networks.network import Network
    from vidkd_jax.run.state import create_train_state, create_variables
    from vidkd_jax.run.train_step import train_step

    model = models.create(network, classes, width=args.width, dtype=dtype)
    clip, label = clips(args, classes)
    shape, key = clip.shape[1:], jax.random.key(0)
    state = create_train_state(key, shape, model=model, optimizer=optimizer())
    policy = augment.Augment() if augmented else augment.Augment.none()
    made = methods.create(method, augment=policy, **options)
    names = [source.name for source in made.teachers]
    step = partial(
        train_step,
        student=Network(model),
        teacher_networks={name: (Network(model),) for name in names},
        method=made,
        optimizer=optimizer(),
    )
    teachers = {
        name: (create_variables(jax.random.key(1 + number), shape, model=model),)
        for number, name in enumerate(names)
    }
    batch = {"clip": clip[:, None], "label": label.astype(np.int32)}
    return state, step, batch, key, teachers


def optimizer() -> Any:
    """Returns TY's optimiser."""
    from vidkd_jax.run.optimizer import create_optimizer
    from vidkd_jax.settings.settings import OptimSettings

    return create_optimizer(
        OptimSettings(learning_rate=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    )


def use_cores(threads: int) -> None:
    """Restricts this process to its last cores, because XLA starts one thread per core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def prepare(threads: int) -> None:
    """Sets up this process like `vidkd_jax.main`, on the last cores."""
    from vidkd_jax.runtime.memory import keep_freed_memory

    use_cores(threads)
    keep_freed_memory()


def take_turns(
    sides: Mapping[str, Callable[[], Any]], *, steps: int, warmup: int
) -> dict[str, tuple[float, float]]:
    """Calls the sides in turns, so that all run under the same conditions.

    Returns:
      For each side, the medians of (wall-clock, processor) seconds, without the warm-up.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(warmup + steps):
        for name, call in sides.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            call()
            times[name].append((time.perf_counter() - started, time.process_time() - cpu_started))
    return {name: medians(taken[warmup:]) for name, taken in times.items()}


def steady(
    step: Callable[[], Any], wait: Callable[[Any], Any], *, seconds: float, windows: int = 5
) -> dict[str, Any]:
    """Times steps in windows: the host waits for the device only at the end of each window.

    Args:
      step: starts one step, which is compiled already, and returns its output.
      wait: waits until an output of `step` is computed.
      seconds: of measuring, about. A warm-up takes a quarter of that before, in which an
        accelerator raises its clocks.
      windows: number of windows.

    Returns:
      "ms": milliseconds of a step, the median of the windows; "windows_ms": each window's;
      "window_steps": the number of steps in a window.
    """
    wait(step())
    started, warm = time.perf_counter(), 0
    while warm < 2 or time.perf_counter() - started < seconds / 4:
        wait(step())
        warm += 1
    a_step = (time.perf_counter() - started) / warm
    steps = max(1, round(seconds / windows / a_step))
    taken = []
    for _ in range(windows):
        started, done = time.perf_counter(), None
        for _ in range(steps):
            done = step()
        wait(done)
        taken.append(1e3 * (time.perf_counter() - started) / steps)
    shown = [round(each, 3) for each in taken]
    return {"ms": round(statistics.median(taken), 3), "windows_ms": shown, "window_steps": steps}


def medians(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Returns the medians of (wall-clock, processor) seconds."""
    wall, cpu = zip(*times, strict=True)
    return statistics.median(wall), statistics.median(cpu)


def place(*packages: str) -> dict[str, str]:
    """Returns what a result line says about its origin: command, machine and versions."""
    return {
        "command": " ".join(sys.argv[1:]),
        "machine": machine(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def machine() -> str:
    """Returns the name of the processor and its number of cores."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        return f"{names[0]}, {len(names)} cores"
    except (OSError, IndexError):
        return f"{platform.processor()}, {os.cpu_count()} cores"
