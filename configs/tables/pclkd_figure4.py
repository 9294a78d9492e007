"""PCL+KD 2022, Figure 4: accuracy of the pretext task by epoch, R3D taught by R3D."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_figures")
_SHOWN = (
    "R3D, scratch",
    "R3D taught by R3D",
    "R3D, teacher",
)
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figure 4: R3D taught by R3D",
    rows=tuple(
        dataclasses.replace(row, against=_SHOWN[0]) for row in _TABLE.rows if row.name in _SHOWN
    ),
    reference=_SHOWN[0],
    shows_table=False,
)
