"""The list of what `benchmarks.on_gpu` measures. Needs the standard library alone."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

SIDES = ("jax", "torch")
NETWORKS: Mapping[str, dict[str, Any]] = {
    "r3d_18": {"network": "ty_r3d_18", "width": 1.0, "frames": 16, "size": 112},
    "r2plus1d_18": {"network": "r2plus1d_18", "width": 1.0, "frames": 16, "size": 112},
    "built_in": {"network": "ty_r3d_18", "width": 0.125, "frames": 8, "size": 48},
}
# Kind, network, batch; most important first. Matrix products are measured in any case.
PLAN = (
    ("matmul", "", 0),
    ("supervised", "r3d_18", 64),
    ("supervised", "r3d_18", 128),
    ("teaching_yourself", "r3d_18", 64),
    ("augmented", "r3d_18", 64),  # the same with TY's augmentation
    ("channels_last", "r3d_18", 64),  # the supervised step, where XLA may choose no other layout
    ("forward", "r3d_18", 64),
    ("profile", "r3d_18", 64),
    ("supervised", "r2plus1d_18", 64),
    ("supervised", "built_in", 16),
    ("supervised", "built_in", 256),
)
# Kinds that are compared with another line of JAX's side, or with nothing.
OF_JAX_ALONE = ("augmented", "channels_last", "profile")
# The work of a step as forward passes of the network: a gradient costs two.
FORWARD_PASSES = {
    "forward": 1,
    "supervised": 3,
    "channels_last": 3,
    "profile": 3,
    "teaching_yourself": 4,
    "augmented": 4,
}
CLASSES = 101
SECONDS = 2.5  # of measuring, after compilation
# A dry run's: it runs on a CPU, and takes a minute or two.
TINY = {"width": 0.03125, "frames": 2, "size": 16}
TINY_BATCH, TINY_SECONDS = 2, 0.05


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One measurement on one side: one line.

    Attributes:
      kind: what is measured, a key of the sides' `KINDS`.
      network: a key of `NETWORKS`, or "".
      batch: clips; in a dry run `TINY_BATCH` instead.
      side: one of `SIDES`.
      dry_run: whether the network and its clips are tiny, and the device is the CPU.
    """

    kind: str
    network: str
    batch: int
    side: str
    dry_run: bool = False

    @property
    def name(self) -> str:
        """What `--only` calls it, both sides alike."""
        return "_".join(str(part) for part in (self.network, self.kind, self.batch) if part)

    def workload(self) -> dict[str, Any]:
        """Returns the network, its clips and their number; {} for a matrix product."""
        if not self.network:
            return {}
        tiny = TINY if self.dry_run else {}
        batch = TINY_BATCH if self.dry_run else self.batch
        return {**NETWORKS[self.network], **tiny, "batch": batch}

    def arguments(self) -> str:
        """Returns the argument of `benchmarks.on_gpu_measure`, JSON."""
        tiny = TINY if self.dry_run else {}
        asked = {
            "side": self.side,
            "kind": self.kind,
            "classes": CLASSES,
            "seconds": TINY_SECONDS if self.dry_run else SECONDS,
            "dry_run": self.dry_run,
            # The measurement of JAX's matrix product also counts the networks' operations.
            "networks": {} if self.network else {k: v | tiny for k, v in NETWORKS.items()},
        }
        return json.dumps(asked | self.workload())


def plan(
    *, only: Sequence[str] = (), sides: Sequence[str] = SIDES, dry_run: bool = False
) -> list[Measurement]:
    """Returns what is to be measured, in order.

    A dry run measures each program once: it has the same tiny batch for every batch size.

    Args:
      only: names of measurements; (): all.
      sides: which sides.
      dry_run: see `Measurement`.
    """
    measurements: dict[str, Measurement] = {}
    for kind, network, batch in PLAN:
        for side in sides:
            measurement = Measurement(kind, network, batch, side, dry_run)
            wanted = not only or kind == "matmul" or measurement.name in only
            if wanted and (side == "jax" or kind not in OF_JAX_ALONE):
                measurements.setdefault(measurement.arguments(), measurement)
    return list(measurements.values())
