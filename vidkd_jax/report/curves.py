"""Reduces the records of metrics.jsonl to one value per epoch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# The epochs and the values of a metric, two lists of the same length.
Curve = tuple[list[int], list[float]]

NOT_METRICS = frozenset({"step", "epoch", "split"})  # of a record


def by_epoch(history: Sequence[Mapping[str, Any]], split: str) -> dict[str, Curve]:
    """Averages each metric of a split over each epoch.

    A record covers the steps since the previous record of the same split, so the average is
    weighted by these numbers of steps. Values that are not numbers are left out.
    """
    sums: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    weights: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    records = list(_of_split(history, split))
    last_step = _first_step(records)
    for record in records:
        steps = max(record["step"] - last_step, 1)
        last_step = record["step"]
        for name, value in record.items():
            if name not in NOT_METRICS and isinstance(value, int | float):
                sums[name][record["epoch"]] += steps * value
                weights[name][record["epoch"]] += steps
    return {
        name: (
            sorted(values),
            [values[epoch] / weights[name][epoch] for epoch in sorted(values)],
        )
        for name, values in sums.items()
    }


def _first_step(records: Sequence[Mapping[str, Any]]) -> int:
    """Returns the steps that were done before the first record's epoch: those of a fork's trunk."""
    if not records:
        return 0
    epoch = records[0]["epoch"]
    done = max(record["step"] for record in records if record["epoch"] == epoch)
    return done * (epoch - 1) // epoch  # all epochs have as many


def promotions(history: Sequence[Mapping[str, Any]]) -> list[int]:
    """Returns the epochs in which the student became the best so far on validation."""
    return [record["epoch"] for record in _of_split(history, "val") if record.get("promoted")]


def _of_split(history: Sequence[Mapping[str, Any]], split: str) -> Iterable[Mapping[str, Any]]:
    return (record for record in history if record.get("split") == split)
