"""Beyond TY's Table 5: the methods that people compare against, with one strong teacher, forked."""

from vidkd_jax.tables import Row, Table, forked, load_table, other_clips

_TABLE = load_table("strong_teachers")
STUDENT = _TABLE.row("Student + Data Aug")
AFTER = 10  # epochs, as in that table, with which this one shares runs
(TEACHER,) = _TABLE.row("Teacher + Data Aug, CE .1 / KL .9").overrides["teachers.runs"]
TAUGHT = {"teachers.runs": (TEACHER,)}
SQUARED = {"method.scale_by_temperature_squared": True}
HEAVY = {"method.kd_weight": 9.0, "method.temperature": 4.0, **SQUARED}
# Teacher and student are of one kind: each block learns from the teacher's own.
BLOCKS = ("stage3_block2", "stage4_block2", "stage5_block2")


def arm(name: str, config: str, **overrides: object) -> Row:
    """Returns a forked row; "__" in a name stands for "."."""
    fields = {field.replace("__", "."): value for field, value in overrides.items()}
    return forked(Row(name, config, fields), STUDENT, AFTER)


TABLE = Table(
    title="Methods of distillation beyond TY's Table 5, with one strong teacher, forked",
    rows=(
        STUDENT,
        other_clips("Student + Data Aug, other clips", STUDENT, AFTER),
        arm("Label smoothing 0.1", "supervised_r18", method__label_smoothing=0.1),
        _TABLE.row("TY + Data Aug, lambda .2, tau 5"),
        _TABLE.row("TY + Data Aug, CE .1 / KL .9"),
        arm("Moving average, CE .1 / KL .9", "moving_average_r18", **HEAVY),
        _TABLE.row("Teacher + Data Aug, CE .1 / KL .9"),
        arm("Decoupled", "decoupled_r18", **TAUGHT),
        arm("Hints", "hints_r18", **TAUGHT, method__blocks_of_teacher=BLOCKS[1:2]),
        arm(
            "Attention transfer",
            "attention_transfer_r18",
            **TAUGHT,
            method__blocks_of_teacher=BLOCKS,
        ),
        # The maps here have 9 to 576 places, the authors' up to 1,024, and the weight is of the
        # mean over places: on few places the same maps differ by more.
        arm(
            "Attention transfer, a tenth of the weight",
            "attention_transfer_r18",
            **TAUGHT,
            method__blocks_of_teacher=BLOCKS,
            method__attention_weight=100.0,
        ),
        arm("Relational", "relational_r18", **TAUGHT),
        arm(
            "Relational, a tenth of the weights",
            "relational_r18",
            **TAUGHT,
            method__distance_weight=2.5,
            method__angle_weight=5.0,
        ),
        Row("Mutual learning, from the start", "mutual_learning_r18"),
    ),
    reference=STUDENT.name,
    scales=_TABLE.scales,
    noise=("Student + Data Aug, other clips",),
    metrics=_TABLE.metrics,
    note="All rows have augmentation. 'Other clips' is the student again but for the order of the "
    "clips after the fork. The teacher has been trained on other actors. Mutual learning trains "
    "two networks and cannot go on from one: it is run from the start, so that it differs from "
    "the student as two seeds do, too.",
)
