"""PCL+KD, low data: networks that have learnt from all videos, fine-tuned on 10 % of the labels."""

import dataclasses

from vidkd_jax.tables import load_table, part

_TABLE = load_table("pclkd_table3_finetuned")
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD: fine-tuned on 10 % of the labels",
    rows=tuple(dataclasses.replace(part(row, 0.1), paper={}) for row in _TABLE.rows),
    note=f"{_TABLE.note} Each seed draws other labelled videos, over which an epoch passes ten "
    "times. No table of the papers.",
)
