"""What a table can show: its noise floor, the seeds that an effect wants, its teachers' gate."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from vidkd_jax.run.tracking import read_records
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.resolving import teachers_elsewhere
from vidkd_jax.tables.row import TEACHERS
from vidkd_jax.tables.run_files import read_summary
from vidkd_jax.tables.statistics import Estimate

GATE = 0.08  # by which a teacher must be better than its student is alone
EFFECTS = (0.02, 0.03, 0.05)
_POWER, _ALPHA = 0.8, 0.05
_PILOT = 4  # pairs, at least; how uncertain the SD of so few is, `noise_line` says
_SURE = 0.8  # that the SD is not larger than the one by which seeds are promised
_MOST = 1000
_HUGE = 30.0  # shift of which the tail is 1, and SciPy's NaN


def seeds_needed(std: float, effect: float, arms: int = 1) -> int:
    """Returns how many paired seeds a two-sided t-test needs to see an effect.

    It finds the effect in four of five studies (power 0.8) at the level 0.05.

    Args:
      std: standard deviation over seeds of the paired difference.
      effect: the mean difference, in the same unit.
      arms: independent differences of each seed that are averaged, each with a mean of its own.

    Returns:
      The number, from 2 up; 1000 where more are needed.
    """
    for count in range(2, _MOST):
        freedom = arms * (count - 1)
        threshold = stats.t.ppf(1 - _ALPHA / 2, freedom)
        shift = effect / std * math.sqrt(arms * count) if std else math.inf
        if shift > _HUGE or stats.nct.sf(threshold, freedom, shift) >= _POWER:
            return count
    return _MOST


def largest_std(std: float, count: int) -> float:
    """Returns what the standard deviation of normal numbers hardly exceeds.

    It is the upper confidence limit, of 80 %, by the chi-squared distribution.

    Args:
      std: that `count` of them have.
      count: from 2 up.
    """
    return std * math.sqrt((count - 1) / stats.chi2.ppf(1 - _SURE, count - 1))


def noise_line(row: str, reference: str, difference: Estimate) -> str:
    """Returns what a row that repeats its reference says of the whole table.

    Args:
      row: its name.
      reference: the name of the row that it repeats.
      difference: between the two, as a fraction.
    """
    count = len(difference.per_seed)
    text = f"Noise floor, '{row}' - '{reference}': {100 * difference.mean:+.1f} points"
    if math.isnan(difference.mean):
        return f"Noise floor, '{row}' - '{reference}': not known."
    if count < 2:
        return f"{text}, one seed: how far equal runs differ is not known."
    text = f"{text}, SD {100 * difference.std:.1f} over {count} paired seeds"
    if count < _PILOT:
        return f"{text}: too few to say how many seeds an effect wants; {_PILOT} do."
    points = _or(f"{100 * effect:.0f}" for effect in EFFECTS)
    return (
        f"{text}. By a paired t-test a difference of {points} points is seen in four of five "
        f"studies with {_seeds(difference.std)} seeds; as {count} pairs do not say the SD "
        f"exactly, {_seeds(largest_std(difference.std, count))} are the surer choice."
    )


def _seeds(std: float) -> str:
    """Returns how many seeds the effects want, in their order."""
    return _or(said(seeds_needed(std, effect)) for effect in EFFECTS)


def said(seeds: int) -> str:
    """Returns a number of seeds that are needed, as it is printed."""
    return f"{seeds}" if seeds < _MOST else f"{_MOST} or more"


def _or(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"


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
        """Whether the teachers are better by `GATE` or more, to a tenth of a point."""
        return round(self.teachers - self.student, 3) >= GATE


def read_gate(pairs: Sequence[tuple[Arm, Arm]]) -> Gate | None:
    """Returns the gate of a row's teachers, mean over seeds.

    Args:
      pairs: finished runs of the row, each with the run that it is compared with.

    Returns:
      None where the runs have not measured it: there is no trained teacher, or it knows other
      classes, or the runs are older than the figure.
    """
    found = []
    for arm, reference in pairs:
        records = read_records(arm.folder / "metrics.jsonl")
        validated = [r for r in records if r["split"] == "val"]
        teachers = [r["teacher_top1"] for r in validated if "teacher_top1" in r]
        student = read_summary(reference.folder).get("val_clip_top1")
        is_taught = arm.needs(TEACHERS) or teachers_elsewhere(arm)
        if is_taught and teachers and student is not None:
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
