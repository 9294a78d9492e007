"""PCL+KD 2022, Figures 3 to 9 in one table: three networks, and every one taught by every one."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_table4")
# Any row that a network of this kind teaches, to take its teacher from.
_TEACHERS = {
    "C3D": _TABLE.row("R3D taught by C3D"),
    "R3D": _TABLE.row("C3D taught by R3D"),
    "R(2+1)D": _TABLE.row("R3D taught by R(2+1)D"),
}
_CONFIGS = {"C3D": "c3d", "R3D": "r3d", "R(2+1)D": "r21d"}


def _taught(student: str, teacher: str):  # noqa: ANN202 - a table's file needs no annotations
    return dataclasses.replace(
        _TEACHERS[teacher],
        name=f"{student} taught by {teacher}",
        config=f"pclkd_{_CONFIGS[student]}_{_CONFIGS[teacher]}",
        paper={},
        against=f"{student}, scratch",
    )


_TAUGHT = [_taught(student, teacher) for teacher in _CONFIGS for student in _CONFIGS]
_SCRATCH = [dataclasses.replace(_TABLE.row(f"{name}, scratch"), paper={}) for name in _CONFIGS]
_THEMSELVES = [
    dataclasses.replace(row.overrides["teachers.runs"][0], against=f"{name}, scratch")
    for name, row in _TEACHERS.items()
]
TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2022 Figures 3 to 9: accuracy by epoch",
    rows=(*_SCRATCH, *_TAUGHT, *_THEMSELVES),
    scales={
        **_TABLE.scales,
        "utd_mhad": {"": "utd_mhad"},
        "paper": {"": "ucf101_2022"},  # 100 epochs
    },
    headline="speed_up",
    pictures=("accuracy_by_epoch",),
    curve="pretext_top1",
    noise=(),
    averages={"with a teacher": tuple(row.name for row in _TAUGHT)},
    note=f"{_TABLE.note} 'Scratch' has other seeds than the teachers, whose rows are the last.",
)
