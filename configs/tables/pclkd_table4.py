"""PCL+KD 2024, Table 4: how soon networks learn the pretext task, with and without a teacher."""

import dataclasses

from vidkd_jax.tables import Row, Table, lookup

NAMES = {"c3d": "C3D", "r3d": "R3D", "r21d": "R(2+1)D"}
STAGES = ("early_stage", "mid_stage", "late_stage")
# student: teacher or None: the paper's accuracies by stage
PAPER: dict[str, dict[str | None, tuple[float, ...]]] = {
    "r3d": {"c3d": (44, 45, 45), "r21d": (48, 48, 48), None: (44, 47, 47)},
    "c3d": {"r3d": (51, 55, 55), "r21d": (52, 52, 52), None: (44, 46, 46)},
    "r21d": {"c3d": (43, 46, 46), "r3d": (48, 48, 48), None: (41, 44, 44)},
}


def row(student: str, teacher: str | None, stages: tuple[float, ...]) -> Row:
    """Returns the row of a network without a teacher, or of one that a finished network teaches."""
    alone = f"{NAMES[student]}, scratch"
    figures = dict(zip(STAGES, stages, strict=True))
    if teacher is None:
        return Row(alone, f"pcl_{student}", paper=figures, against=alone)
    # All seeds have the same teachers. Their seed is no student's, which would else begin as the
    # twin of a teacher of its own architecture.
    finished = Row(f"{NAMES[teacher]}, teacher", f"pcl_{teacher}", only_seed=100)
    return Row(
        f"{NAMES[student]} taught by {NAMES[teacher]}",
        f"pclkd_{student}_{teacher}",
        {"teachers.runs": (finished,)},
        figures,
        against=alone,
    )


ROWS = [row(student, *found) for student, rows in PAPER.items() for found in rows.items()]
METRICS = (
    *lookup((*STAGES, "early_epoch", "mid_epoch", "late_epoch"), of="pretext"),
    *("speed_up", "reaches", "pretext_top1"),
    *lookup(("probe_top1", "retrieval_top1"), of="actions"),
)
AGAIN = dataclasses.replace(
    row("r3d", None, (0, 0, 0)), name="R3D, scratch, other seeds", seed_offset=1000, paper={}
)
TABLE = Table(
    title="PCL+KD 2024 Table 4: stages of training",
    rows=(*ROWS, AGAIN),
    reference="R3D, scratch",
    scales={"marionette": {"": "marionette_long"}, "paper": {"": "ucf101"}},
    metrics=METRICS,
    headline="early_stage",
    noise=(AGAIN.name,),
    averages={"with a teacher": tuple(row.name for row in ROWS if row.name != row.against)},
    note="'Scratch' is PCL without a teacher, not supervised training. All accuracies are of the "
    "pretext task, chance 20, but for probe and retrieval, which are of actions and not the "
    "paper's. The paper does not say which accuracy its tables have. Its stages are of the test "
    "videos; these are of the validation videos, which alone judge every epoch, and 'pretext' is "
    "the test's, of the best epoch. "
    "Teachers of all videos are the same three for all seeds.",
)
