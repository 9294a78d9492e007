"""TY, Table 4: baseline and TY, two networks, three data sets."""

from vidkd_jax.tables import Row, Table

PLAIN = {"augment.enabled": False}

TABLE = Table(
    title="TY Table 4: TY and its baseline, on two networks and three data sets",
    rows=(
        Row(
            "Baseline, 3D ResNet-18",
            "supervised_r18",
            PLAIN,
            paper={"UCF101": 46.5, "HMDB51": 17.1, "Kinetics400": 54.2},
        ),
        Row("Baseline, 3D ResNet-18, other seeds", "supervised_r18", PLAIN, seed_offset=1000),
        Row(
            "TY, 3D ResNet-18",
            "ty_r18",
            paper={"UCF101": 68.4, "HMDB51": 29.7, "Kinetics400": 65.3},
        ),
        Row(
            "Baseline, 3D ResNet-50",
            "supervised_r50",
            PLAIN,
            paper={"UCF101": 59.2, "HMDB51": 22.0, "Kinetics400": 61.3},
        ),
        Row(
            "TY, 3D ResNet-50",
            "ty_r50",
            paper={"UCF101": 71.1, "HMDB51": 32.8, "Kinetics400": 73.5},
            against="Baseline, 3D ResNet-50",
        ),
    ),
    reference="Baseline, 3D ResNet-18",
    scales={
        "marionette": {
            "UCF101": "marionette_third",
            "HMDB51": "marionette_small",
            "Kinetics400": "marionette",
        },
        "paper": {"UCF101": "ucf101", "HMDB51": "hmdb51", "Kinetics400": "kinetics400"},
    },
    noise=("Baseline, 3D ResNet-18, other seeds",),
    note="The paper's baseline has no augmentation and its TY has; Table 3 tells the two apart. "
    "'Other seeds' is the same arm as the reference: its difference is the noise floor. The "
    "built-in sets stand in for the paper's by size: 392, 196 and 1,190 training videos.",
    pictures=("reliability",),
)
