"""TY, Figure 3: accuracy by epoch of the runs of Table 3."""

from vidkd_jax.tables import load_table

TABLE = load_table("ty_table3").only(
    "Baseline + Data Aug",
    "Baseline",
    "TY",
    title="TY Figure 3: performance as a function of epochs",
    note="The baseline has no augmentation, TY has; the row between them tells the two apart.",
    pictures=("accuracy_by_epoch",),
    shows_table=False,
)
