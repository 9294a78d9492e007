"""TY, Table 7, its own rows: Kinetics400."""

from vidkd_jax.tables import Row, Table

TABLE = Table(
    title="TY Table 7: TY on Kinetics400",
    rows=(
        Row("TY, 3D ResNet-18", "ty_r18", paper={"video_top1": 65.3}),
        Row("TY, 3D ResNet-50", "ty_r50", paper={"video_top1": 73.5}),
    ),
    reference="TY, 3D ResNet-18",
    scales={"marionette": {"": "marionette"}, "paper": {"": "kinetics400"}},
    note="The paper's other rows are of other papers.",
)
