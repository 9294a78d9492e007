"""TY, section III.C: what each operator adds, and one draw a clip against one a frame."""

from vidkd_jax.tables import Row, Table, forked, load_table, other_clips

# The student with augmentation of another table, with which this one shares runs.
STUDENT = load_table("strong_teachers").row("Student + Data Aug")
AFTER = 10  # epochs, as there
OPERATORS = ("flip", "contrast", "brightness", "hue", "blur", "channel_split", "noise")


def _arm(name: str, **augment: object) -> Row:
    """Returns a row that goes on from the student with another augmentation."""
    changes = {f"augment.{field}": value for field, value in augment.items()}
    return forked(Row(name, "supervised_r18", changes), STUDENT, AFTER)


TABLE = Table(
    title="TY: each augmentation left out, and augmentation by frame",
    rows=(
        STUDENT,
        other_clips("Student + Data Aug, other clips", STUDENT, AFTER),
        _arm("a draw for each frame", per_frame=True),
        # A mirror of its own would turn single frames of a motion around.
        _arm("a draw for each frame, without flip", per_frame=True, flip=0.0),
        _arm("noise for each frame, as in the released code", noise_per_frame=True),
        *(_arm(f"without {name.replace('_', ' ')}", **{name: 0.0}) for name in OPERATORS),
        _arm("none after the fork", enabled=False),
    ),
    reference=STUDENT.name,
    scales={"marionette": {"": "marionette_study_third"}},
    noise=("Student + Data Aug, other clips",),
    metrics=("video_top1", "video_nll", "video_motion", "video_direction", "clip_ece"),
    note="The paper transforms all frames of a clip alike and says that anything else harms; it "
    "gives no figures, and none for the operators. All rows have had the seven operators for ten "
    "epochs of 25.",
)
