"""DTG-Net, Table 1, its rows of 3D ResNets that start from still-image networks, and Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table1")
_RANDOM, _GUIDED = _TABLE.row("random weights"), _TABLE.row("TSN, guided by outfit on more videos")
_BOTH = _TABLE.row("TSN, outfit's weights, guided by both motions")
# The 3D ResNet-18 whose shortcuts and stem a still-image ResNet-18 fits.
_NETWORK = {"model.name": "hara_r3d_18"}


def _inflated(teacher: Row, folder: str) -> Row:
    """Returns the row that stands for the weights of a still-image network, repeated over time."""
    return dataclasses.replace(teacher, converted=dict.fromkeys(teacher.converted, folder))


def _fine_tuned(name: str, start: Row, paper: dict[str, float]) -> Row:
    """Returns the row of the 3D ResNet that goes on from `start` with labels."""
    overrides = {**_NETWORK, "model.init_from": start}
    return dataclasses.replace(_RANDOM, name=name, overrides=overrides, paper=paper)


def _on_kinetics400() -> Row:
    """Returns the row of a TSN that ImageNet's network guides on Kinetics-400."""
    start = _GUIDED.overrides["model.init_from"]
    learnt = dataclasses.replace(
        start,
        overrides={**start.overrides, "name": "kinetics400"},
        dataset=dict.fromkeys(("ucf101", "hmdb51"), "kinetics400"),
    )
    return dataclasses.replace(
        _GUIDED,
        name="TSN, guided by ImageNet on Kinetics-400",
        overrides={**_GUIDED.overrides, "model.init_from": learnt},
        paper={"UCF101": 69.1},
        against="",
    )


_GUIDE = _BOTH.overrides["model.init_from"]
_IMAGENET = _inflated(_GUIDE.overrides["model.init_from"], "imagenet_hara_r3d_18")
_BU101 = _inflated(_GUIDE.overrides["teachers.runs"][0], "bu101_hara_r3d_18")
TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 1: 3D ResNets that start from still images",
    rows=(
        _fine_tuned("ImageNet's weights", _IMAGENET, {"UCF101": 79.3, "HMDB51": 43.6}),
        _fine_tuned("BU101's weights", _BU101, {"UCF101": 85.0, "HMDB51": 46.4}),
        _fine_tuned(
            "ImageNet's weights, guided by both motions",
            dataclasses.replace(
                _GUIDE,
                overrides={
                    **_GUIDE.overrides,
                    **_NETWORK,
                    "model.init_from": _IMAGENET,
                },
            ),
            {"UCF101": 85.6, "HMDB51": 49.9},
        ),
        _on_kinetics400(),
    ),
    reference="ImageNet's weights",
    scales={"paper": _TABLE.scales["paper"]},
    note="The 3D ResNet is Hara's, which the weights of a still-image ResNet-18 fit: convert them "
    "with --model=hara_r3d_18 --inflate. The teachers are the still-image networks of BU101 and "
    "Stanford40. The built-in videos have Table 1 alone.",
)
