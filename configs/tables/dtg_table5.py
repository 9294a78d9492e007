"""DTG-Net, Table 5, its own rows: a network that starts as its own teacher, with and without it."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table4")
_GUIDED = load_table("dtg_table1").row("guided by video")
(_START,) = _GUIDED.overrides["model.init_from"].overrides["teachers.runs"]
# The same weights teach.
_WEIGHTS = dataclasses.replace(
    _START, converted=dict.fromkeys(_START.converted, "kinetics_i3d_resnet50")
)
_BOTH = {"model.init_from": _WEIGHTS, "teachers.runs": (_WEIGHTS,)}

TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 5: its own teacher's weights",
    rows=(
        Row(
            "labels",
            "dtg_supervised_i3d50",
            {**_BOTH, "method.contrast_weight": 0.0},
            {"UCF101": 94.5, "HMDB51": 69.0},
        ),
        Row(
            "labels + DTG",
            "dtg_supervised_i3d50",
            _BOTH,
            {"UCF101": 95.7, "HMDB51": 71.8},
        ),
    ),
    note="The weights are Kinetics' in the paper, and here those of a network that has learnt the "
    "motions of other actors. The paper's figures without DTG are those of Carreira and "
    "Zisserman's ResNet-50, which sees 32 frames, and 16 see DTG-Net's.",
)
