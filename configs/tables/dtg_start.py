"""DTG-Net: is a start that teachers guided worth more than as many steps with labels?"""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("dtg_table4")
_GUIDED = _TABLE.row("labels, 3D ResNet")
_RANDOM = _TABLE.row("labels, 3D ResNet, random weights")
# Guidance without labels takes 25 epochs, and so do the labels after it.
_LONGER = dataclasses.replace(
    _RANDOM, name=f"{_RANDOM.name}, twice the epochs", overrides={"train.epochs": 50}
)

TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net: labels from a guided start, and from random weights with as many steps",
    rows=(_GUIDED, _LONGER, _RANDOM),
    reference=_LONGER.name,
    scales={"marionette": _TABLE.scales["marionette"]},
    note="No table of the paper. The guided network has seen the videos for 25 epochs without "
    "labels before its 25 epochs with them.",
)
