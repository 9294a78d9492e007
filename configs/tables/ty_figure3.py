"""TY, Figure 3: accuracy by epoch of the runs of Table 3."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE3 = load_table("ty_table3")
_SHOWN = ("Baseline", "Baseline + Data Aug", "TY")

TABLE = dataclasses.replace(
    _TABLE3,
    title="TY Figure 3: performance as a function of epochs",
    rows=tuple(row for row in _TABLE3.rows if row.name in _SHOWN),
    note="The baseline has no augmentation, TY has; the row between them tells the two apart.",
    pictures=("accuracy_by_epoch",),
    noise=(),
    shows_table=False,
)
