"""PCL+KD, low data: the rows of Table 4 with 10 % of each class' videos."""

import dataclasses

from vidkd_jax.tables import load_table, parts

TABLE = dataclasses.replace(
    parts(load_table("pclkd_table4"), 0.1),
    title="PCL+KD: stages of training, 10 % of the videos (no table of the papers)",
)
