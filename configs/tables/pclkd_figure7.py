"""PCL+KD 2022, Figure 7: accuracy of the pretext task by epoch, students of R3D."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "R3D, scratch",
    "C3D taught by R3D",
    "R3D taught by R3D",
    "R(2+1)D taught by R3D",
    "R3D, teacher",
    title="PCL+KD 2022 Figure 7: students of R3D",
    shows_table=False,
)
