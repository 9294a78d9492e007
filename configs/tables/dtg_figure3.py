"""DTG-Net, Figure 3: the weights of the teachers while a student of `online1` trains."""

from vidkd_jax.tables import load_table

TABLE = load_table("dtg_table3").only(
    "all, online1",
    "all, online1 by division",
    title="DTG-Net Figure 3: weights by similarity",
    pictures=("guidance_weights",),
    shows_table=False,
)
