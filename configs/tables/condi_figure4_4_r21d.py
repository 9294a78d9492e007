"""ConDi, Figures 4.4 to 4.6, the second teacher: Video@1 by the number of clips that it sees."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3_r21d")
_FIGURE = load_table("condi_figure4_4")
_KS = {row.name: row.selection.k for row in _FIGURE.rows if row.selection}

TABLE = dataclasses.replace(
    _FIGURE,
    title="ConDi Figures 4.4 to 4.6: Video@1 by the number of clips, R(2+1)D-34",
    scales={
        **_FIGURE.scales,
        "paper": {**_FIGURE.scales["paper"], "Kinetics": _TABLE.scales["paper"][""]},
    },
    rows=tuple(row.choosing(_KS[row.name], paper={}) for row in _TABLE.rows if row.name in _KS),
)
