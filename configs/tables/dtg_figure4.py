"""DTG-Net, Figure 4: features of the rows of Table 4 by class, with and without contrast."""

from vidkd_jax.tables import load_table

TABLE = load_table("dtg_table4").only(
    "labels, more videos before",
    "labels + DTG, more videos before",
    title="DTG-Net Figure 4: features by class",
    pictures=("features_by_class",),
    shows_table=False,
)
