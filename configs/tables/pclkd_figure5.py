"""PCL+KD 2022, Figure 5: accuracy of the pretext task by epoch, C3D taught by C3D."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_figures")
_SHOWN = (
    "C3D, scratch",
    "C3D taught by C3D",
    "C3D, teacher",
)
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figure 5: C3D taught by C3D",
    rows=tuple(
        dataclasses.replace(row, against=_SHOWN[0]) for row in _TABLE.rows if row.name in _SHOWN
    ),
    reference=_SHOWN[0],
    shows_table=False,
)
