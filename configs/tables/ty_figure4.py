"""TY, Figure 4: how sure the baseline and TY are where the baseline is wrong."""

from vidkd_jax.tables import load_table

TABLE = load_table("ty_table3").only(
    "Baseline + Data Aug",
    "Baseline",
    "TY",
    title="TY Figure 4: probabilities of misclassified videos",
    note="The paper shows videos that its baseline gets wrong; here all do, since any other would "
    "look less sure than the one by whose mistakes they are chosen. The baseline has no "
    "augmentation, TY has; the row between them tells the two apart.",
    pictures=("misclassified", "reliability"),
    shows_table=False,
)
