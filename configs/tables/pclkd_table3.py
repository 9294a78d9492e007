"""PCL+KD 2024, Table 3, its own data set: the networks of Table 4 after training."""

import dataclasses

from vidkd_jax.tables import load_table, lookup

_TABLE = load_table("pclkd_table4")
PAPER = {
    "R3D taught by C3D": 45.0,
    "R3D taught by R(2+1)D": 48.0,
    "R3D, scratch": 47.0,
    "C3D taught by R3D": 55.0,
    "C3D taught by R(2+1)D": 52.0,
    "C3D, scratch": 46.0,
    "R(2+1)D taught by C3D": 46.0,
    "R(2+1)D taught by R3D": 48.0,
    "R(2+1)D, scratch": 44.0,
}


def _paper(name: str) -> dict[str, float]:
    return {"pretext_top1": PAPER[name]} if name in PAPER else {}


TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2024 Table 3: after training, before fine-tuning",
    rows=tuple(dataclasses.replace(row, paper=_paper(row.name)) for row in _TABLE.rows),
    metrics=(
        "pretext_top1",
        "pretext_nll",
        *lookup(("probe_top1", "retrieval_top1"), of="actions"),
        "retrieval_top5",
    ),
    headline="pretext_top1",
)
