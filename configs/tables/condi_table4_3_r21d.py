"""ConDi, Table 4.3, the second teacher: every way to choose seven clips, Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_DENSE = _TABLE.row("Dense")
_CONFIG = "condi_teacher_r21d"
_FIRST = _DENSE.overrides["model.init_from"]
# The thesis has none of Kinetics-600.
_OF_KINETICS400 = dataclasses.replace(
    _FIRST,
    name="second teacher of Kinetics",
    config=_CONFIG,
    dataset={**_FIRST.dataset, "ucf101": "kinetics400", "ssv2": "kinetics400"},
)
_TEACHER = dataclasses.replace(
    _DENSE,
    name="second teacher",
    config=_CONFIG,
    overrides={"model.init_from": _OF_KINETICS400},
    paper={},
    selection=None,
)
_PAPER = {
    "Dense": 68.0,
    "Random": 63.4,
    "Equidistant": 64.03,
    "ConDi-SR": 72.4,
    "ST-Conf": 66.02,
    "ST-Ent, soft labels": 68.1,
    "Oracle": 84.3,
}


def _of_second(row: Row) -> Row:
    """Returns a row of Table 4.3 whose clips the second teacher judges."""
    paper = {"video_top1": _PAPER[row.name]} if row.name in _PAPER else {}
    if row.config == _DENSE.config:
        return dataclasses.replace(row, config=_CONFIG, overrides=_TEACHER.overrides, paper=paper)
    assert row.selection is not None
    taught = {"teachers.runs": (_TEACHER,)} if "teachers.runs" in row.overrides else {}
    return dataclasses.replace(
        row,
        overrides={**row.overrides, **taught},
        selection=dataclasses.replace(row.selection, teacher=_TEACHER),
        paper=paper,
    )


TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 4.3: seven clips, R(2+1)D-34, Kinetics",
    rows=tuple(_of_second(row) for row in _TABLE.rows),
    scales={**_TABLE.scales, "paper": {"": "kinetics400"}},
    note=f"{_TABLE.note} The thesis' R(2+1)D has learnt from 65 million videos, and then from "
    "Kinetics-400; here it is trained as the other teacher is.",
)
