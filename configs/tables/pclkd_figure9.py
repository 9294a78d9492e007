"""PCL+KD 2022, Figure 9: accuracy of the pretext task by epoch, students of R(2+1)D."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "R(2+1)D, scratch",
    "C3D taught by R(2+1)D",
    "R3D taught by R(2+1)D",
    "R(2+1)D taught by R(2+1)D",
    "R(2+1)D, teacher",
    title="PCL+KD 2022 Figure 9: students of R(2+1)D",
    shows_table=False,
)
