"""Beyond TY's Table 5: the methods that people compare against, with the same teacher."""

from vidkd_jax.tables import Row, Table

AUGMENTED = "Independently training"
# Deeper than its students and, of the built-in videos, trained on three times as many: their
# ResNet-50 knows less than a ResNet-18. At the paper's scale the two settings change nothing.
TEACHER = Row(
    "3D ResNet-34, all videos", "supervised_r34", {"data.fraction": 1.0, "train.repeats": 1}
)
TAUGHT = {"teachers.runs": (TEACHER,)}
SQUARED = {"method.scale_by_temperature_squared": True}

TABLE = Table(
    title="Methods of distillation beyond TY's Table 5, all with augmentation",
    rows=(
        Row(AUGMENTED, "supervised_r18"),
        Row("Independently training, other seeds", "supervised_r18", seed_offset=1000),
        Row("Label smoothing 0.1", "supervised_r18", {"method.label_smoothing": 0.1}),
        Row("TY", "ty_r18"),
        Row("TY, KL times tau^2", "ty_r18", SQUARED),
        Row("Moving average", "moving_average_r18"),
        Row("Moving average, KL times tau^2", "moving_average_r18", SQUARED),
        Row("Mutual learning", "mutual_learning_r18"),
        Row("Soft targets", "distillation_r18", TAUGHT),
        Row("Soft targets, KL times tau^2", "distillation_r18", {**TAUGHT, **SQUARED}),
        Row("Decoupled", "decoupled_r18", TAUGHT),
        Row("Hints", "hints_r18", TAUGHT),
        Row("Attention transfer", "attention_transfer_r18", TAUGHT),
        Row("Relational", "relational_r18", TAUGHT),
        TEACHER,
    ),
    reference=AUGMENTED,
    scales={"marionette": {"": "marionette_third"}, "paper": {"": "ucf101"}},
    note="'Other seeds' is the same arm as the reference: its difference is the noise floor. "
    "TY, the moving average and soft targets have lambda 0.2 and tau 5, the best of TY's Table 8; "
    "'times tau^2' gives the term the weight that Hinton et al. give it. Mutual learning has tau 1 "
    "and weight 1, as in its paper. On the built-in videos the teacher has seen three times as "
    "many labelled videos as its students have, and as rows without one have.",
)
