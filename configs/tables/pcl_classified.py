"""PCL: transforms told from all clips of a tuple, as in its released code, or from one (eq. 1)."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pcl_gates")
_LEARNT = [row for row in _TABLE.rows if row.name.endswith(", PCL")]
_ALONE = [
    dataclasses.replace(
        row,
        name=f"{row.name}, from the clip alone",
        overrides={"method.classified": "clip"},
        against=row.name,
    )
    for row in _LEARNT
]

TABLE = dataclasses.replace(
    _TABLE,
    title="PCL: what a transform is told from",
    rows=(*(dataclasses.replace(row, against=row.name) for row in _LEARNT), *_ALONE),
    reference="R3D, PCL",
    averages={"from the clip alone": tuple(row.name for row in _ALONE)},
    note="No table of the papers: eq. 1 of the 2024 one classifies the transformed clip, PCL's "
    "released code the tuple with it, as the other tables do here.",
)
