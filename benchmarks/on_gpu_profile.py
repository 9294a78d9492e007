"""Reads a trace of `jax.profiler`, with JAX alone: which operations the device spends time on."""

import collections
import pathlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from jax.profiler import ProfileData

SHOWN = 5


class Event(NamedTuple):
    """One execution of a kernel.

    Attributes:
      operation: name of the compiled program's operation; the kernel's where none is known.
      kernel: name of the kernel.
      ns: duration, nanoseconds.
    """

    operation: str
    kernel: str
    ns: float


def read(folder: str) -> list[Event]:
    """Returns the device's events of a trace; the host's, if the host is the only device.

    Raises:
      ValueError: the trace has none.
    """
    (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
    planes = list(ProfileData.from_file(str(path)).planes)
    devices = [plane for plane in planes if plane.name.startswith("/device:")]
    events = [event for plane in devices for event in _events(plane, always=True)]
    if not events:
        hosts = [plane for plane in planes if plane.name.startswith("/host:CPU")]
        events = [event for plane in hosts for event in _events(plane, always=False)]
    if not events:
        raise ValueError("the trace has no operations of the device")
    return events


def _events(plane: Any, *, always: bool) -> Iterable[Event]:
    """Yields a plane's events; without `always`, only those that name an operation."""
    lines = list(plane.lines)
    # A GPU's plane has a line for each stream. A TPU's shows the same time in several lines.
    lines = [line for line in lines if line.name == "XLA Ops"] or lines
    for line in lines:
        for event in line.events:
            operation = dict(event.stats).get("hlo_op")
            if operation or always:
                # The name of an operation inside a loop is "loop/operation".
                name = str(operation).rpartition("/")[2] if operation else event.name
                yield Event(name, event.name, event.duration_ns)


def summary(events: Iterable[Event], program: str, *, steps: int) -> dict[str, Any]:
    """Returns the slowest operations of a step, and the slowest kinds of operations.

    Args:
      events: all events of `steps` steps.
      program: the compiled program's text, in which the operations' shapes and layers are found.
      steps: number of steps.

    Returns:
      "device_ms": the time of all operations of a step; "slowest": operations with their "ms" and
      "share" of that; "kinds": shares of operations whose names differ by number alone.
    """
    operations: collections.Counter[str] = collections.Counter()
    kernels: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    kinds: collections.Counter[str] = collections.Counter()
    for event in events:
        operations[event.operation] += event.ns
        kernels[event.operation][event.kernel] += event.ns
        kinds[re.sub(r"[._\d]+$", "", event.operation)] += event.ns
    total = sum(operations.values())
    slowest = [
        {
            "operation": name,
            "ms": round(ns / steps / 1e6, 3),
            "share": round(ns / total, 3),
            "kernel": kernels[name].most_common(1)[0][0][:120],
            **_meaning(name, program),
        }
        for name, ns in operations.most_common(SHOWN)
    ]
    return {
        "device_ms": round(total / steps / 1e6, 3),
        "slowest": slowest,
        "kinds": {name: round(ns / total, 3) for name, ns in kinds.most_common(SHOWN)},
    }


def _meaning(operation: str, program: str) -> dict[str, str]:
    """Returns an operation's first output, and the layer that it belongs to."""
    line = re.search(rf"^\s*(?:ROOT )?%?{re.escape(operation)} = .*$", program, re.MULTILINE)
    if not line:
        return {}
    gives = re.search(r" = \(?(\w+\[[\d,]*\])", line[0])
    layer = re.search(r'op_name="([^"]*)"', line[0])
    return {
        **({"gives": gives[1]} if gives else {}),
        **({"layer": layer[1]} if layer else {}),
    }
