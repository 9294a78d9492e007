"""PCL+KD 2022, Figure 3: accuracy of the pretext task by epoch, networks without a teacher."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_figures")
_SHOWN = (
    "C3D, scratch",
    "R3D, scratch",
    "R(2+1)D, scratch",
)
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figure 3: networks without a teacher",
    rows=tuple(
        dataclasses.replace(row, against=_SHOWN[0]) for row in _TABLE.rows if row.name in _SHOWN
    ),
    reference=_SHOWN[0],
    shows_table=False,
)
