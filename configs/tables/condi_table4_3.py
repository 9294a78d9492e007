"""ConDi, Table 4.3: every way to choose seven clips, Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, Selection, Table

# The thesis' networks are trained on Kinetics, and from there on the smaller sets (section 4.3.1).
FIRST = {"ucf101": "kinetics600", "ssv2": "kinetics600", "kinetics600": "", "kinetics400": ""}
# The built-in teacher has seen trimmed videos of other actors, so that it errs on those of the
# samplers, and can be sure of itself where nobody acts; it begins at random.
TEACHER = Row(
    "teacher",
    "condi_teacher",
    {
        "model.init_from": Row(
            "teacher of Kinetics",
            "condi_teacher",
            dataset={**FIRST, "marionette_teachers": ""},
            only_seed=0,
        )
    },
    dataset={"marionette_untrimmed": "marionette_teachers"},
    only_seed=0,
)
K = 7
# The built-in sampler first learns the actions from trimmed videos.
PRETRAINED = Row(
    "pretrained sampler",
    "supervised_sampler",
    dataset={**FIRST, "marionette_untrimmed": "marionette_teachers"},
    only_seed=0,
)
ALONE: dict[str, object] = {"model.init_from": PRETRAINED}
TAUGHT = {**ALONE, "teachers.runs": (TEACHER,)}
# row: config, what chooses, overrides, and the thesis' figure
SAMPLERS = {
    "ConDi-SR": ("condi_sampler", "confidence", TAUGHT, 72.1),
    "ConDi-SR, uniform where the teacher is wrong": (
        "condi_sampler",
        "confidence",
        {**TAUGHT, "method.wrong_teacher": "uniform"},
        None,
    ),
    "ST-Conf": ("learned_confidence_sampler", "confidence", ALONE, 66.1),
    "ST-Ent, soft labels": ("soft_label_sampler", "entropy", TAUGHT, 67.4),
    "ST-Ent, one-hot labels": ("supervised_sampler", "entropy", ALONE, None),
    "BCE-C": ("condi_bce_sampler", "confidence", TAUGHT, None),
}


def alone(name: str, selector: str, k: int = 1, paper: float | None = None, **how: object) -> Row:
    """Returns a row of the teacher without a sampler."""
    selection = Selection(selector, k, **how)  # type: ignore[arg-type]
    figures = {} if paper is None else {"video_top1": paper}
    return dataclasses.replace(TEACHER, name=name, selection=selection, paper=figures)


def sampled(name: str, k: int | tuple[int, ...], paper: float | None = None) -> Row:
    """Returns a row whose clips one of SAMPLERS chooses."""
    config, selector, overrides, _ = SAMPLERS[name]
    figures = {} if paper is None else {"video_top1": paper}
    selection = Selection(selector, k, teacher=TEACHER)
    return Row(name, config, overrides, selection=selection, paper=figures)


TABLE = Table(
    title="ConDi Table 4.3: seven clips, ResNeXt-101, Kinetics",
    rows=(
        alone("Dense", "dense", paper=68.3),
        alone("Random", "random", K, 66.7, passes=10),
        alone("Equidistant", "equidistant", K, 67.0),
        *(sampled(name, K, SAMPLERS[name][-1]) for name in SAMPLERS),
        alone("Oracle", "oracle", K, 76.14),
        alone("Oracle, shuffled labels", "oracle", K, shuffled=True),
        alone("Dense, shuffled labels", "dense", shuffled=True),
    ),
    reference="Dense",
    scales={"marionette": {"": "marionette_untrimmed"}, "paper": {"": "kinetics600"}},
    metrics=("video_top1", "video_nll", "clips", "clip_share"),
    note="Rows with a sampler have one of each seed; all have the same teacher. The oracle reads "
    "the label. With shuffled labels it shows what that alone is worth: its gain over all clips "
    "there is not headroom. ST-Conf and one-hot ST-Ent have never met the teacher. A video's last "
    "frames that fill no clip are left out: the thesis says that it pads them, and counts 18 clips "
    "in ten seconds of Kinetics, as without. Its figures of UCF101 are means over three splits, of "
    "which this is the first.",
)
