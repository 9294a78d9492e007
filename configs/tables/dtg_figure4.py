"""DTG-Net, Figure 4: features of the rows of Table 4 by class, with and without contrast."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("dtg_table4")
TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Figure 4: features by class",
    rows=tuple(row for row in _TABLE.rows if row.name in ("labels", "labels + DTG")),
    pictures=("features_by_class",),
    shows_table=False,
)
