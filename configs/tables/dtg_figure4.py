"""DTG-Net, Figure 4: features of the rows of Table 4 by class, with and without contrast."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("dtg_table4")
TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Figure 4: features by class",
    # The last two of the paper's Table 4.
    rows=tuple(row for row in _TABLE.rows if row.name.endswith("more videos before")),
    reference="labels, more videos before",
    pictures=("features_by_class",),
    shows_table=False,
)
