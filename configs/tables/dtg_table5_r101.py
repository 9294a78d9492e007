"""DTG-Net, Table 5, the larger of its own rows: an I3D-style ResNet-101 that sees 8 frames."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table5")
_LARGER = {"model.name": "i3d_resnet101", "data.frames": 8}


def _larger(row: Row) -> Row:
    """Returns a row of Table 5 with the larger network."""
    start = row.overrides["model.init_from"]
    weights = dataclasses.replace(
        start, converted=dict.fromkeys(start.converted, "kinetics_i3d_resnet101")
    )
    own = {**_LARGER, "model.init_from": weights, "teachers.runs": (weights,)}
    paper = {"UCF101": 96.1, "HMDB51": 73.3} if row.name == "labels + DTG" else {}
    return dataclasses.replace(row, overrides={**row.overrides, **own}, paper=paper)


TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 5: its own teacher's weights, ResNet-101",
    rows=tuple(map(_larger, _TABLE.rows)),
    scales={"paper": _TABLE.scales["paper"]},
    note="The built-in videos have Table 5 alone.",
)
