"""PCL+KD 2022, Figure 4: accuracy of the pretext task by epoch, R3D taught by R3D."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "R3D, scratch",
    "R3D taught by R3D",
    "R3D, teacher",
    title="PCL+KD 2022 Figure 4: R3D taught by R3D",
    shows_table=False,
)
