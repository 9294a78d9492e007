"""TY, Figure 4: how sure the baseline and TY are where the baseline is wrong."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE3 = load_table("ty_table3")
_SHOWN = ("Baseline", "Baseline + Data Aug", "TY")

TABLE = dataclasses.replace(
    _TABLE3,
    title="TY Figure 4: probabilities of misclassified videos",
    rows=tuple(row for row in _TABLE3.rows if row.name in _SHOWN),
    note="The paper shows videos that its baseline gets wrong; here all do, since any other would "
    "look less sure than the one by whose mistakes they are chosen. The baseline has no "
    "augmentation, TY has; the row between them tells the two apart.",
    pictures=("misclassified", "reliability"),
    noise=(),
    shows_table=False,
)
