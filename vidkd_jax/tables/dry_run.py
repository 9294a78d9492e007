"""What a table would cost: every run's command, and the time that is left."""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vidkd_jax.settings.settings import DataSettings
from vidkd_jax.tables import costs, runner
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.checks import missing_records
from vidkd_jax.tables.planned import Planned
from vidkd_jax.tables.row import TRUNK
from vidkd_jax.tables.run_files import read_summary


def print_costs(
    planned: Sequence[Planned],
    extra: Sequence[str],
    answered: Iterable[DataSettings] = (),
) -> None:
    """Prints every run's command and cost, the sum, and how much of it is left to run."""
    runs = [run.arm for run in planned]
    known: dict[Path, costs.Cost] = {}
    for arm in runs:
        known[arm.kind] = known.get(arm.kind) or costs.cost(arm, extra)
    finished = [run.arm for run in planned if run.done]
    speed, whose = _speed(finished, known) or _measured(runs, known, extra)
    for run in planned:
        cost, done = known[run.arm.kind], " (finished)" if run.done else ""
        print(shlex.join(runner.command(run.arm, extra)))
        print(
            f"    {cost.videos:,} videos, {cost.passes} passes of {cost.clips:,} clips, "
            f"{cost.flops:.2e} FLOPs, about {_hours(cost.flops / speed)} here{done}"
        )
    total = _flops(runs, known)
    print(
        f"{len(runs)} runs, {total:.2e} FLOPs, about {_hours(total / speed)} at "
        f"{speed / 1e9:,.0f} GFLOP/s ({whose}; epochs at most)"
    )
    if missing := sorted({f for arm in runs for f in arm.converted() if not f.exists()}):
        print(f"Without converted weights that are not there: {', '.join(map(str, missing))}")
    for lacking in missing_records(planned, answered):
        print(f"Not there yet: {lacking}")
    if finished:
        left = total - _flops(finished, known)
        count = len(runs) - len(finished)
        print(f"{count} of them are left to run, about {_hours(left / speed)}")


def _flops(runs: Iterable[Arm], known: Mapping[Path, costs.Cost]) -> float:
    return sum(known[arm.kind].flops for arm in runs)


def _speed(finished: Sequence[Arm], known: Mapping[Path, costs.Cost]) -> tuple[float, str] | None:
    """Returns the FLOPs per second of the finished runs, and that it is theirs."""
    flops = seconds = 0.0
    for arm in finished:
        if arm.needs(TRUNK):  # a fork's time holds its trunk's
            continue
        summary, cost = read_summary(arm.folder), known[arm.kind]
        flops += summary["epochs"] / cost.epochs * cost.flops  # it may have stopped early
        seconds += summary["train_seconds"]
    if seconds:
        return flops / seconds, "as the finished ones trained, without validation and test"
    return None


def _measured(
    runs: Sequence[Arm], known: Mapping[Path, costs.Cost], extra: Sequence[str]
) -> tuple[float, str]:
    """Returns the FLOPs per second of the costliest run's network, and that it is its."""
    costliest = max(runs, key=lambda arm: known[arm.kind].flops)
    print("measuring a network's speed ...", file=sys.stderr)
    said = f"the forward pass of '{costliest.row.name}' here, without validation and test"
    return costs.flops_per_second(costliest, extra), said


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
