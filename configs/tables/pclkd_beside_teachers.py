"""PCL+KD 2022, Figures 4 to 9 in numbers: students beside the very networks that teach them."""

import dataclasses

from vidkd_jax.tables import load_table, lookup

_TABLE = load_table("pclkd_figures")
_TEACHERS = [row for row in _TABLE.rows if row.name.endswith(", teacher")]
_TAUGHT = [
    dataclasses.replace(row, against=teacher.name)
    for teacher in _TEACHERS
    for row in _TABLE.rows
    if row.name.endswith(f" taught by {teacher.name.removesuffix(', teacher')}")
]
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figures 4 to 9: students beside their teachers",
    rows=(*(dataclasses.replace(row, against=row.name) for row in _TEACHERS), *_TAUGHT),
    reference=_TEACHERS[0].name,
    metrics=(
        *lookup(("early_stage", "mid_stage", "late_stage"), of="pretext"),
        *("above", "speed_up", "reaches"),
    ),
    headline="late_stage",
    pictures=(),
    averages={
        "of the teacher's kind": tuple(
            row.name for row in _TAUGHT if row.name.split(" taught by ")[0] + "," in row.against
        )
    },
    note="Each student is compared with its own teacher, a finished network of PCL. All accuracies "
    "are of the pretext task, chance 20, and of the validation videos.",
)
