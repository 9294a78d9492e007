"""DTG-Net, Table 1, its own rows: fine-tuned after other starts, and after learning unlabelled."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table3")
(OUTFIT,) = _TABLE.row("outfit").overrides["teachers.runs"]
MOTIONS = _TABLE.row("both motions").overrides["teachers.runs"]
# In place of the paper's network of Kinetics, whose classes are others than the student's: one
# that has learnt the motions of other actors from videos.
VIDEO = Row(
    "video",
    "segments_r18",
    {"data.name": "marionette_motion"},
    dataset="marionette_teachers",
    only_seed=0,
    converted=dict.fromkeys(OUTFIT.converted, "kinetics_r3d_18"),
)
_TSN = {"model.name": "tsn_resnet18"}


def fine_tuned(name: str, start: Row | None, paper: dict[str, float]) -> Row:
    """Returns the row of a network that goes on from `start` with labels; `TSN` in its name."""
    is_tsn = name.startswith("TSN")
    own = _TSN if is_tsn else {}
    begin = {} if start is None else {"model.init_from": start}
    against = "TSN, random weights" if is_tsn else ""
    return Row(name, "segments_r18", {**own, **begin}, paper, against=against)


def guided(*teachers: Row, **overrides: object) -> Row:
    """Returns the row of a network that these teachers guide without labels."""
    fields = {field.replace("__", "."): value for field, value in overrides.items()}
    return Row("guided", "dtg_r18", {**fields, "teachers.runs": teachers})


_MORE = {
    "marionette_study": "marionette_teachers",
    "ucf101": "mini_kinetics200",
    "hmdb51": "mini_kinetics200",
}
TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 1: fine-tuned, by start",
    rows=(
        fine_tuned("random weights", None, {"UCF101": 50.79, "m_parameters": 33.4}),
        fine_tuned("TSN, random weights", None, {}),
        fine_tuned("TSN, outfit's weights", OUTFIT, {"UCF101": 73.4, "m_parameters": 33.4}),
        fine_tuned("TSN, motion's weights", MOTIONS[0], {}),
        fine_tuned(
            "TSN, guided by outfit",
            dataclasses.replace(guided(OUTFIT, **_TSN), dataset={"hmdb51": "ucf101"}),
            {"UCF101": 70.8, "HMDB51": 32.6, "m_parameters": 11.2},
        ),
        fine_tuned(
            "guided by video",
            guided(VIDEO),
            {"UCF101": 71.3, "HMDB51": 41.1, "m_parameters": 31.8},
        ),
        fine_tuned(
            "TSN, outfit's weights, guided by both motions",
            guided(*MOTIONS, model__init_from=OUTFIT, **_TSN),
            {},
        ),
        fine_tuned(
            "TSN, guided by outfit on more videos",
            dataclasses.replace(guided(OUTFIT, name="more_videos", **_TSN), dataset=_MORE),
            {"UCF101": 67.0},
        ),
    ),
    reference="random weights",
    scales={
        "marionette": {"": "marionette_study"},
        "paper": {"UCF101": "ucf101", "HMDB51": "hmdb51"},
    },
    metrics=("video_top1", "video_top5", "video_motion", "video_direction", "video_nll"),
    headline="video_top1",
    note="The paper's 3D ResNets that start from still images' weights are `dtg_table1_3d`'s. "
    "'More videos' are Mini-Kinetics-200 in the paper, and here those of other actors, whose "
    "outfits its teacher knows: on these the teacher itself was trained, and they are seen in 3.8 "
    "times as many steps. Guided networks have learnt for as many steps without labels before.",
)
