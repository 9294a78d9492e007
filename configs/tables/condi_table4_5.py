"""ConDi, Table 4.5: every way to choose three clips, Something-Something V2."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3")
K = 3
_PAPER = {
    "Dense": 38.0,
    "Random": 34.94,
    "Equidistant": 34.87,
    "ConDi-SR": 38.4,
    "ST-Conf": 34.76,
    "ST-Ent, soft labels": 34.9,
    "Oracle": 41.4,
}

TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 4.5: three clips, ResNeXt-101, Something-Something V2",
    rows=tuple(
        row.choosing(K, paper={"video_top1": _PAPER[row.name]} if row.name in _PAPER else {})
        for row in _TABLE.rows
    ),
    scales={"marionette": _TABLE.scales["marionette"], "paper": {"": "ssv2"}},
)
