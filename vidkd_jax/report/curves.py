"""From the records of metrics.jsonl to one value per epoch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A metric's epochs and its values, of the same length.
Curve = tuple[list[int], list[float]]

_NOT_METRICS = ("step", "epoch", "split")


def by_epoch(history: Sequence[Mapping[str, Any]], split: str) -> dict[str, Curve]:
    """Averages each metric of a split within each epoch, in order of the epochs.

    A record stands for the steps since the record before it in the same split, so records count by
    their steps. Values that are not numbers are left out.
    """
    sums: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    weights: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    last_step = 0
    for record in _of_split(history, split):
        steps = max(record["step"] - last_step, 1)
        last_step = record["step"]
        for name, value in record.items():
            if name not in _NOT_METRICS and isinstance(value, int | float):
                sums[name][record["epoch"]] += steps * value
                weights[name][record["epoch"]] += steps
    return {
        name: (
            sorted(values),
            [values[epoch] / weights[name][epoch] for epoch in sorted(values)],
        )
        for name, values in sums.items()
    }


def promotions(history: Sequence[Mapping[str, Any]]) -> list[int]:
    """Returns the epochs whose student was the best on validation so far."""
    return [record["epoch"] for record in _of_split(history, "val") if record.get("promoted")]


def _of_split(history: Sequence[Mapping[str, Any]], split: str) -> Iterable[Mapping[str, Any]]:
    return (record for record in history if record.get("split") == split)
