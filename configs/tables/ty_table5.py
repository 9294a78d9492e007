"""TY, Table 5: mechanisms of distillation, their size and their cost."""

from vidkd_jax.tables import Row, Table

PLAIN = {"augment.enabled": False}
R18 = Row("3D ResNet-18", "supervised_r18", PLAIN, seed_offset=1000)
R34 = Row("3D ResNet-34", "supervised_r34", PLAIN)
R50 = Row("3D ResNet-50", "supervised_r50", PLAIN)
FLOW = Row("3D ResNet-18, flow", "supervised_r18", {**PLAIN, "data.modality": "flow"})

SQUARED = {"method.scale_by_temperature_squared": True}
R50_AUGMENTED = Row("3D ResNet-50 + Data Aug", "supervised_r50")


def _paper(accuracy: float, m_parameters: float, hours: float) -> dict[str, float]:
    return {"video_top1": accuracy, "m_parameters": m_parameters, "hours": hours}


TABLE = Table(
    title="TY Table 5: mechanisms of distillation",
    rows=(
        Row("Independently training", "supervised_r18", PLAIN, paper=_paper(46.5, 33.4, 29.8)),
        Row("Independently training, other seeds", R18.config, PLAIN, seed_offset=1000),
        Row(
            "Teacher to Student (3D ResNet-50)",
            "distillation_r18",
            {**PLAIN, "teachers.runs": (R50,)},
            paper=_paper(55.4, 97.1, 41.6),
        ),
        Row(
            "Student to Student (3D ResNet-18)",
            "distillation_r18",
            {**PLAIN, "teachers.runs": (R18,)},
            paper=_paper(52.8, 66.8, 34.3),
        ),
        Row(
            "Multi-Teachers (3D ResNet-34, 3D ResNet-50)",
            "distillation_r18",
            {**PLAIN, "teachers.runs": (R34, R50)},
            paper=_paper(56.5, 144.0, 50.4),
        ),
        Row(
            "Flow-to-RGB (3D ResNet-18)",
            "flow_to_rgb_r18",
            {**PLAIN, "teachers.runs": (FLOW,)},
            paper=_paper(54.1, 66.8, 35.8),
        ),
        Row(
            "Flow-to-RGB, logits",
            "distillation_r18",
            {**PLAIN, "data.modality": "rgb_flow", "teachers.runs": (FLOW,)},
        ),
        Row(
            "Teacher to Student, KL times tau^2",
            "distillation_r18",
            {**PLAIN, **SQUARED, "teachers.runs": (R50,)},
        ),
        Row(
            "Multi-Teachers, KL times tau^2",
            "distillation_r18",
            {**PLAIN, **SQUARED, "teachers.runs": (R34, R50)},
        ),
        Row("TY", "ty_r18", paper=_paper(68.4, 33.4, 31.5)),
        Row("TY, no augmentation", "ty_r18", PLAIN),
        Row("Independently training + Data Aug", "supervised_r18"),
        Row(
            "Teacher to Student + Data Aug",
            "distillation_r18",
            {"teachers.runs": (R50_AUGMENTED,)},
            against="Independently training + Data Aug",
        ),
        Row("3D ResNet-50, independently", "supervised_r50", PLAIN),
        Row("3D ResNet-18 of flow, independently", FLOW.config, FLOW.overrides),
    ),
    reference="Independently training",
    scales={"marionette": {"": "marionette_third"}, "paper": {"": "ucf101"}},
    noise=("Independently training, other seeds",),
    note="The paper's TY row has augmentation and its other rows, by their accuracies, have none; "
    "the rows after it say what each adds. 'Other seeds' is the same arm as the reference: its "
    "difference is the noise floor. The paper gives neither lambda nor tau for its teachers: they "
    "are TY's (0.2, 5, no tau^2), with which the KL term's gradient is at most two thousandths of "
    "the logits' differences; 'times tau^2' gives it the weight that Hinton et al. give it. "
    "Flow-to-RGB has MARS' own weight. Flow needs the records of data_prep.flow. The paper's sizes "
    "of 3D ResNet-34 and -50 stand one for the other.",
)
