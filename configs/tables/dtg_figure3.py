"""DTG-Net, Figure 3: the weights of the teachers while a student of `online1` trains."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("dtg_table3")
TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Figure 3: weights by similarity",
    rows=tuple(row for row in _TABLE.rows if row.name == "all, online1"),
    reference="all, online1",
    pictures=("guidance_weights",),
    shows_table=False,
)
