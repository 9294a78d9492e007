"""PCL: a window for each clip of a tuple, as in its released code, or one for all of them."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pcl_gates")
_LEARNT = [row for row in _TABLE.rows if row.name.endswith(", PCL")]

TABLE = dataclasses.replace(
    _TABLE,
    title="PCL: windows of a tuple's clips",
    rows=tuple(
        found
        for row in _LEARNT
        for found in (
            dataclasses.replace(row, against=row.name),
            dataclasses.replace(
                row,
                name=f"{row.name}, one window for all clips",
                overrides={"method.windows": "tuple"},
                against=row.name,
            ),
        )
    ),
    reference="R3D, PCL",
    averages={
        "one window for all clips": tuple(f"{r.name}, one window for all clips" for r in _LEARNT)
    },
    note="No table of the papers. Windows of test clips lie in the centre in all rows.",
)
