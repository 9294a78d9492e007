"""TY's Table 5 with teachers that are better than their student, and with the term's weight varied.

The rows fork from one trunk of their seed, so that they differ by the teacher alone.
"""

from vidkd_jax.tables import Row, Table, forked, other_clips, trunk

AFTER = 10  # epochs of 25: networks have begun to learn, and are right on 27 to 39 % of the clips
PLAIN = {"augment.enabled": False}
STUDENT = trunk(Row("Student", "supervised_r18", PLAIN), AFTER)
AUGMENTED = trunk(Row("Student + Data Aug", "supervised_r18"), AFTER)

# Other actors teach: 4,536 videos of 324 of them. A teacher of the student's own videos knows these
# by heart, and its soft targets say little.
OTHERS = "marionette_teachers"
OTHER_ACTORS = [
    Row("3D ResNet-18 of other actors", "supervised_r18", PLAIN, dataset=OTHERS, only_seed=seed)
    for seed in (1, 2, 3)
]
TEACHER = OTHER_ACTORS[0]
# Students with augmentation ask their teachers about augmented clips, which one that was trained on
# plain clips does not know.
AUGMENTED_TEACHER = Row(
    "3D ResNet-18 + Data Aug of other actors", "supervised_r18", dataset=OTHERS, only_seed=1
)
WIDE = Row(
    "wide 3D ResNet-18 of other actors",
    "supervised_r18",
    {"model.width": 0.25, **PLAIN},
    dataset=OTHERS,
    only_seed=0,
)
# It sees the optical flow of the student's clips, and has learnt from that of other actors.
FLOW = Row(
    "3D ResNet-18 of other actors' flow",
    "supervised_r18",
    {**PLAIN, "data.modality": "flow"},
    dataset=OTHERS,
    only_seed=1,
)
EQUAL = Row("3D ResNet-18", "supervised_r18", PLAIN, seed_offset=2000)

# The papers' weight; the same times tau^2; and what the literature of distillation uses, cross-
# entropy .1 and KL .9: AdamW moves by the ratio alone.
PAPER: dict[str, object] = {}
SQUARED = {"method.scale_by_temperature_squared": True}
HEAVY = {"method.kd_weight": 9.0, "method.temperature": 4.0, **SQUARED}
WEIGHTS = {"lambda .2, tau 5": PAPER, "times tau^2": SQUARED, "CE .1 / KL .9": HEAVY}


def taught(name: str, weight: dict[str, object], *teachers: Row) -> Row:
    """Returns a row of the plain student with soft targets of teachers."""
    row = Row(name, "distillation_r18", {**PLAIN, **weight, "teachers.runs": teachers})
    return forked(row, STUDENT, AFTER)


def taught_augmented(name: str, weight: dict[str, object], *teachers: Row) -> Row:
    """Returns the same of the student with augmentation."""
    row = Row(name, "distillation_r18", {**weight, "teachers.runs": teachers})
    return forked(row, AUGMENTED, AFTER)


TABLE = Table(
    title="TY Table 5 with strong teachers, forked",
    rows=(
        STUDENT,
        other_clips("Student, other clips", STUDENT, AFTER),
        *(taught(f"Teacher, {name}", w, TEACHER) for name, w in WEIGHTS.items()),
        *(
            forked(Row(f"TY, {name}", "ty_r18", {**PLAIN, **w}), STUDENT, AFTER)
            for name, w in WEIGHTS.items()
        ),
        taught("Wide teacher, CE .1 / KL .9", HEAVY, WIDE),
        taught("Student to student, CE .1 / KL .9", HEAVY, EQUAL),
        taught("Flow teacher, CE .1 / KL .9", {**HEAVY, "data.modality": "rgb_flow"}, FLOW),
        taught("Three teachers, CE .1 / KL .9", HEAVY, *OTHER_ACTORS),
        AUGMENTED,
        other_clips("Student + Data Aug, other clips", AUGMENTED, AFTER),
        *(
            taught_augmented(f"Teacher + Data Aug, {name}", w, AUGMENTED_TEACHER)
            for name, w in WEIGHTS.items()
        ),
        taught_augmented("Plain teacher, student + Data Aug, CE .1 / KL .9", HEAVY, TEACHER),
        *(
            forked(Row(f"TY + Data Aug, {name}", "ty_r18", w), AUGMENTED, AFTER)
            for name, w in WEIGHTS.items()
        ),
    ),
    reference=STUDENT.name,
    scales={"marionette": {"": "marionette_study_third"}},
    noise=("Student, other clips", "Student + Data Aug, other clips"),
    metrics=(
        "video_top1",
        "validation",
        "video_nll",
        "video_motion",
        "video_direction",
        "clip_ece",
    ),
    note="'Other clips' is the same arm as its student but for the order of the clips after the "
    "fork. Rows with Data Aug are compared with the student with Data Aug. The teachers have been "
    "trained on other actors, 4,536 videos of them, without augmentation but for 'Teacher + Data "
    "Aug'; 'student to student' has one of the student's own kind and videos. The flow teacher "
    "needs the records of data_prep.flow of both sets.",
)
