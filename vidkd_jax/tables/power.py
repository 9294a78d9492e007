"""What a table can show: its noise floor, the seeds that an effect wants, its teachers' gate."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from vidkd_jax.run.tracking import read_records
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.row import TEACHERS
from vidkd_jax.tables.run_results import read_summary
from vidkd_jax.tables.statistics import Estimate

GATE = 0.08  # by which a teacher must be better than its student is alone
EFFECTS = (0.02, 0.03, 0.05)
_POWER, _ALPHA = 0.8, 0.05
_PILOT = 4  # pairs; the SD of fewer may be half of what it is, or twice that
_MOST = 1000


def seeds_needed(std: float, effect: float) -> int:
    """Returns how many paired seeds a two-sided t-test needs to see an effect.

    It finds the effect in four of five studies (power 0.8) at the level 0.05.

    Args:
      std: standard deviation over seeds of the paired difference.
      effect: the mean difference, in the same unit.

    Returns:
      The number, from 2 up; 1000 where more are needed.
    """
    for count in range(2, _MOST):
        threshold = stats.t.ppf(1 - _ALPHA / 2, count - 1)
        shift = effect / std * math.sqrt(count) if std else math.inf
        if not math.isfinite(shift) or stats.nct.sf(threshold, count - 1, shift) >= _POWER:
            return count
    return _MOST


def noise_line(row: str, reference: str, difference: Estimate) -> str:
    """Returns what a row that repeats its reference says of the whole table.

    Args:
      row: its name.
      reference: the name of the row that it repeats.
      difference: between the two, as a fraction.
    """
    count = len(difference.per_seed)
    text = f"Noise floor, '{row}' - '{reference}': {100 * difference.mean:+.1f} points"
    if count < 2:
        return f"{text}, one seed: how far equal runs differ is not known."
    text = f"{text}, SD {100 * difference.std:.1f} over {count} paired seeds"
    if count < _PILOT:
        return f"{text}: too few to say how many seeds an effect wants; {_PILOT} do."
    needed = [f"{seeds_needed(difference.std, effect)}" for effect in EFFECTS]
    points = [f"{100 * effect:.0f}" for effect in EFFECTS]
    return (
        f"{text}. A difference of {', '.join(points[:-1])} or {points[-1]} points is seen in four "
        f"of five studies with {', '.join(needed[:-1])} or {needed[-1]} seeds."
    )


class Gate(NamedTuple):
    """How good a row's teachers are beside its student without them.

    Attributes:
      teachers: share of the validation clips that they get right, several averaged.
      student: the same of the row that the row is compared with, in its best epoch.
    """

    teachers: float
    student: float

    @property
    def is_passed(self) -> bool:
        """Whether the teachers are better by `GATE` or more."""
        return self.teachers - self.student >= GATE


def read_gate(pairs: Sequence[tuple[Arm, Arm]], out: Path) -> Gate | None:
    """Returns the gate of a row's teachers, mean over seeds.

    Args:
      pairs: finished runs of the row, each with the run that it is compared with.
      out: the folder of all runs.

    Returns:
      None where the runs have not measured it: there is no trained teacher, or it knows other
      classes, or the runs are older than the figure.
    """
    found = []
    for arm, reference in pairs:
        records = read_records(arm.folder(out) / "metrics.jsonl")
        validated = [r for r in records if r["split"] == "val"]
        teachers = [r["teacher_top1"] for r in validated if "teacher_top1" in r]
        student = read_summary(reference.folder(out)).get("val_clip_top1")
        taught = arm.needs(TEACHERS) or arm.converted(out, TEACHERS)
        if taught and teachers and student is not None:
            found.append((teachers[-1], student))
    return Gate(*np.mean(found, axis=0).tolist()) if found else None


def gate_lines(gates: Mapping[str, Gate]) -> list[list[str]]:
    """Returns the teachers' gate as the lines of a table; the first are the heads; [] of none."""
    if not gates:
        return []
    heads = ["teachers of", "Clip@1 on validation", "student alone", "difference", "gate"]
    return [
        heads,
        *(
            [
                row,
                f"{100 * gate.teachers:.1f}",
                f"{100 * gate.student:.1f}",
                f"{100 * (gate.teachers - gate.student):+.1f}",
                "passed" if gate.is_passed else f"missed (+{100 * GATE:.0f})",
            ]
            for row, gate in gates.items()
        ),
    ]
