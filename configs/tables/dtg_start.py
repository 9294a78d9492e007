"""DTG-Net: is a start that teachers guided worth more than as many steps with labels?"""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE, _TABLE1 = load_table("dtg_table4"), load_table("dtg_table1")
_GUIDED = _TABLE.row("labels, 3D ResNet")
_RANDOM = _TABLE.row("labels, 3D ResNet, random weights")
# Guidance without labels takes 25 epochs, and so do the labels after it.
_LONGER = dataclasses.replace(
    _RANDOM, name=f"{_RANDOM.name}, twice the epochs", overrides={"train.epochs": 50}
)
# Of a TSN that begins with an unrelated teacher's weights, as Table 1's gain has it.
_STARTED = _TABLE1.row("TSN, outfit's weights")
_STARTED_LONGER = dataclasses.replace(
    _STARTED,
    name=f"{_STARTED.name}, twice the epochs",
    overrides={**_STARTED.overrides, "train.epochs": 50},
)
_OF_TSN = tuple(
    dataclasses.replace(row, paper={}, against=_STARTED_LONGER.name)
    for row in (_TABLE1.row(f"{_STARTED.name}, guided by both motions"), _STARTED_LONGER, _STARTED)
)

TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net: labels from a guided start, and with as many steps without guidance",
    rows=(_GUIDED, _LONGER, _RANDOM, *_OF_TSN),
    reference=_LONGER.name,
    scales={"marionette": _TABLE.scales["marionette"]},
    note="No table of the paper. Guided networks have seen the videos for 25 epochs without labels "
    "before their 25 epochs with them.",
)
