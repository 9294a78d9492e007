"""PCL+KD on real people: networks that have learnt without labels, fine-tuned on 10 % of them."""

import dataclasses

from vidkd_jax.tables import load_table, part

_TABLE = load_table("pclkd_table3_finetuned")
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD: fine-tuned on 10 % of the labels of real people",
    # An epoch of UTD-MHAD passes over all videos four times.
    rows=tuple(dataclasses.replace(part(row, 0.1, passes=4), paper={}) for row in _TABLE.rows),
    scales={"utd_mhad": {"": "utd_mhad"}},
    note="'Scratch' and 'taught' say how the network learnt without labels, from all training "
    "videos, before it was fine-tuned here; 'random weights' have not. Each seed draws other "
    "labelled videos, one of each class. An epoch passes over these 27 forty times, a batch of 16 "
    "each: 40 steps, where all videos have 80. No table of the papers.",
)
