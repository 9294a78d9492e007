"""PCL+KD 2024, Table 3, fine-tuned: the networks of Table 4 on labelled actions."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("pclkd_table4")
PAPER = {
    "R3D taught by C3D": 61.0,
    "R3D taught by R(2+1)D": 62.0,
    "R3D, scratch": 60.0,
    "C3D taught by R3D": 61.0,
    "C3D taught by R(2+1)D": 62.0,
    "C3D, scratch": 60.0,
    "R(2+1)D taught by C3D": 62.0,
    "R(2+1)D taught by R3D": 60.0,
    "R(2+1)D, scratch": 62.0,
}
_LONG = {"hmdb51": "ucf101"}  # pretrained there


def fine_tuned(pretrained: Row) -> Row:
    """Returns the row of a network that goes on from one of Table 4, with labels."""
    network = pretrained.config.removeprefix("pclkd_").removeprefix("pcl_").partition("_")[0]
    figures = {"video_top1": PAPER[pretrained.name]} if pretrained.name in PAPER else {}
    start = dataclasses.replace(pretrained, dataset=_LONG, against="", paper={})
    overrides = {"model.init_from": start}
    return Row(
        pretrained.name, f"finetune_{network}", overrides, figures, against=pretrained.against
    )


def random_weights(network: str, name: str) -> Row:
    """Returns the row of a network that learns from the labels alone."""
    return Row(f"{name}, random weights", f"finetune_{network}", against=f"{name}, scratch")


TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD 2024 Table 3: fine-tuned",
    rows=(
        *(fine_tuned(row) for row in _TABLE.rows if not row.seed_offset),
        random_weights("r3d", "R3D"),
        random_weights("c3d", "C3D"),
        random_weights("r21d", "R(2+1)D"),
    ),
    scales={"marionette": {"": "marionette_long"}, "paper": {"": "hmdb51"}},
    metrics=("clip_top1", "video_top1", "video_nll", "video_ece"),
    headline="video_top1",
    noise=(),
    averages={
        **_TABLE.averages,
        "random weights": tuple(f"{name}, random weights" for name in ("R3D", "C3D", "R(2+1)D")),
    },
    note="'Scratch' and 'taught' say how the network learnt without labels, before it was "
    "fine-tuned here; 'random weights' have not. On the paper's data sets they learn on UCF101 and "
    "are fine-tuned on HMDB51; the built-in ones are the same videos.",
)
