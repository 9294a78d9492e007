"""PCL+KD 2024, Table 6: the rows of Table 4 with 25 % of each class' videos."""

import dataclasses

from vidkd_jax.tables import load_table, parts

# The paper's accuracies by stage.
PAPER = {
    "R3D taught by C3D": (46, 46, 46),
    "R3D taught by R(2+1)D": (43, 45, 47),
    "R3D, scratch": (41, 45, 45),
    "C3D taught by R3D": (50, 54, 54),
    "C3D taught by R(2+1)D": (53, 56, 56),
    "C3D, scratch": (48, 49, 51),
    "R(2+1)D taught by C3D": (42, 45, 46),
    "R(2+1)D taught by R3D": (45, 46, 46),
    "R(2+1)D, scratch": (40, 45, 47),
}
TABLE = dataclasses.replace(
    parts(
        load_table("pclkd_table4"),
        0.25,
        PAPER,
    ),
    title="PCL+KD 2024 Table 6: stages of training, 25 % of the videos",
)
