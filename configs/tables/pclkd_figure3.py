"""PCL+KD 2022, Figure 3: accuracy of the pretext task by epoch, networks without a teacher."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "C3D, scratch",
    "R3D, scratch",
    "R(2+1)D, scratch",
    title="PCL+KD 2022 Figure 3: networks without a teacher",
    shows_table=False,
)
