"""PCL+KD 2022, Figure 9: accuracy of the pretext task by epoch, students of R(2+1)D."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_figures")
_SHOWN = (
    "R(2+1)D, scratch",
    "C3D taught by R(2+1)D",
    "R3D taught by R(2+1)D",
    "R(2+1)D taught by R(2+1)D",
    "R(2+1)D, teacher",
)
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figure 9: students of R(2+1)D",
    rows=tuple(
        dataclasses.replace(row, against=_SHOWN[0]) for row in _TABLE.rows if row.name in _SHOWN
    ),
    reference=_SHOWN[0],
    shows_table=False,
)
