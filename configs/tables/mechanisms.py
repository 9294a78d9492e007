"""Beyond TY's Table 5: the methods that people compare against, with the same teacher."""

from vidkd_jax.tables import Row, Table

AUGMENTED = "Independently training"
TEACHER = (Row("3D ResNet-50", "supervised_r50"),)

TABLE = Table(
    title="Methods of distillation beyond TY's Table 5, all with augmentation",
    rows=(
        Row(AUGMENTED, "supervised_r18"),
        Row("Independently training, other seeds", "supervised_r18", seed_offset=1000),
        Row("Label smoothing 0.1", "supervised_r18", {"method.label_smoothing": 0.1}),
        Row("TY", "ty_r18"),
        Row("Moving average", "moving_average_r18"),
        Row("Mutual learning", "mutual_learning_r18"),
        Row("Soft targets", "distillation_r18", {}, TEACHER),
        Row(
            "Soft targets times tau^2",
            "distillation_r18",
            {"method.scale_by_temperature_squared": True},
            TEACHER,
        ),
        Row("Decoupled", "decoupled_r18", {}, TEACHER),
        Row("Hints", "hints_r18", {}, TEACHER),
        Row("Attention transfer", "attention_transfer_r18", {}, TEACHER),
        Row("Relational", "relational_r18", {}, TEACHER),
    ),
    reference=AUGMENTED,
    scales={"marionette": {"": "marionette"}, "paper": {"": "ucf101"}},
    note="'Other seeds' is the same arm as the reference: its difference is the noise floor.",
)
