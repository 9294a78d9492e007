"""What a table would cost: every run's command, and the time that is left."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.tables import costs, runner
from vidkd_jax.tables.arms import Arm, in_order


def print_costs(wanted: Sequence[Arm], out: Path, extra: Sequence[str]) -> None:
    """Prints every run's command and cost, the sum, and how much of it is left to run."""
    runs = in_order(wanted)
    dtype = costs.resolve(runs[0], extra).model.dtype
    speed, total = costs.machine_flops_per_second(dtype), 0.0
    left: list[float] = []
    known: dict[str, costs.Cost] = {}
    for arm in runs:
        key = f"{arm.dataset}/{arm.row.slug}"
        known[key] = known.get(key) or costs.cost(arm, extra, out)
        cost = known[key]
        total += cost.flops
        finished = arm.is_finished(out)
        if not finished:
            left.append(cost.flops)
        print(shlex.join(runner.command(arm, out, extra)))
        print(
            f"    {cost.videos:,} videos x {cost.passes} passes, {cost.flops:.2e} FLOPs, "
            f"about {_hours(cost.flops / speed)} here{' (finished)' if finished else ''}"
        )
    print(
        f"{len(runs)} runs, {total:.2e} FLOPs, about {_hours(total / speed)} at "
        f"{speed / 1e9:,.0f} GFLOP/s (half of this machine's {dtype} matrix product; epochs at "
        "most)"
    )
    if missing := sorted({f for arm in runs for f in arm.converted(out) if not f.exists()}):
        print(f"Without converted weights that are not there: {', '.join(map(str, missing))}")
    if len(left) < len(runs):
        print(f"{len(left)} of them are left to run, about {_hours(sum(left) / speed)}")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
