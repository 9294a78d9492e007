"""PCL+KD 2022, Figure 8: accuracy of the pretext task by epoch, students of C3D."""

from vidkd_jax.tables import load_table

TABLE = load_table("pclkd_figures").only(
    "C3D, scratch",
    "C3D taught by C3D",
    "R3D taught by C3D",
    "R(2+1)D taught by C3D",
    "C3D, teacher",
    title="PCL+KD 2022 Figure 8: students of C3D",
    shows_table=False,
)
