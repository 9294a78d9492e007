"""PCL+KD 2022, Figure 5: accuracy of the pretext task by epoch, C3D taught by C3D."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "C3D, scratch",
    "C3D taught by C3D",
    "C3D, teacher",
    title="PCL+KD 2022 Figure 5: C3D taught by C3D",
    shows_table=False,
)
