"""Builds small runs from configs, and reads what they learned."""

import numpy as np

from vidkd_jax.run.building import Run, build_run
from vidkd_jax.run.tracking import read_records
from vidkd_jax.settings.config import read


def build(config) -> Run:
    """Returns the parts of the run that a `ConfigDict` describes."""
    return build_run(read(config))


_TIMES = ("clips_per_second", "data_wait_fraction")


def learned(workdir):
    """Returns the records and test logits of a run, without wall-clock times."""
    records = [
        {name: value for name, value in record.items() if name not in _TIMES}
        for record in read_records(workdir / "metrics.jsonl")
    ]
    with np.load(workdir / "predictions.npz") as arrays:
        return records, arrays["logits"]
