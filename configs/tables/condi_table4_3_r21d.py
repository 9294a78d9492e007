"""ConDi, Table 4.3, the second teacher: every way to choose seven clips, Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_DENSE = _TABLE.row("Dense")
_TEACHER = dataclasses.replace(
    _DENSE, name="second teacher", config="condi_teacher_r21d", paper={}, selection=None
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
        return dataclasses.replace(row, config=_TEACHER.config, paper=paper)
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
    note=f"{_TABLE.note} The thesis' R(2+1)D has learnt from 65 million videos, and then from "
    "Kinetics-400; here it is trained as the other teacher is.",
)
