"""ConDi, Table 4.3, the second teacher: every way to choose seven clips, Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
(_DENSE,) = (row for row in _TABLE.rows if row.name == "Dense")
_TEACHER = dataclasses.replace(
    _DENSE, name="second teacher", config="condi_teacher_r21d", paper={}, selection=None
)
# Its networks come from Kinetics-400, where the other teacher's come from Kinetics-600.
_PRETRAINED_ON = {
    "marionette_untrimmed": "marionette_teachers",
    "ucf101": "kinetics400",
    "ssv2": "kinetics400",
    "kinetics400": "",
}
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
    start = row.overrides["model.init_from"]
    overrides = {
        **row.overrides,
        "model.init_from": dataclasses.replace(start, dataset=_PRETRAINED_ON),
    }
    if "teachers.runs" in overrides:
        overrides["teachers.runs"] = (_TEACHER,)
    return dataclasses.replace(
        row,
        overrides=overrides,
        selection=dataclasses.replace(row.selection, teacher=_TEACHER),
        paper=paper,
    )


TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 4.3: seven clips, R(2+1)D-34, Kinetics",
    rows=tuple(_of_second(row) for row in _TABLE.rows),
    scales={**_TABLE.scales, "paper": {"": "kinetics400"}},
)
