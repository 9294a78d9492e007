"""PCL+KD 2024, Table 7: the rows of Table 4 with 50 % of each class' videos."""

import dataclasses

from vidkd_jax.tables import load_table, parts

# The paper's accuracies by stage.
PAPER = {
    "R3D taught by C3D": (42, 44, 45),
    "R3D taught by R(2+1)D": (40, 42, 42),
    "R3D, scratch": (35, 39, 39),
    "C3D taught by R3D": (55, 56, 56),
    "C3D taught by R(2+1)D": (54, 54, 54),
    "C3D, scratch": (48, 53, 54),
    "R(2+1)D taught by C3D": (43, 45, 45),
    "R(2+1)D taught by R3D": (41, 44, 45),
    "R(2+1)D, scratch": (41, 44, 44),
}
TABLE = dataclasses.replace(
    parts(
        load_table("pclkd_table4"),
        0.5,
        PAPER,
    ),
    title="PCL+KD 2024 Table 7: stages of training, 50 % of the videos",
)
