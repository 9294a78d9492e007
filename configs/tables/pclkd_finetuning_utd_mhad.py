"""PCL, few labels of real people: a pretrained network by learning rate and augmentation."""

import dataclasses

from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_finetuning")
_OF_PEOPLE = load_table("pclkd_finetuned_utd_mhad")
_SAME = _OF_PEOPLE.row("R3D, random weights").overrides  # of which videos, and how often
TABLE = dataclasses.replace(
    _TABLE,
    title=f"{_TABLE.title}, of real people",
    rows=tuple(
        dataclasses.replace(row, overrides={**row.overrides, **_SAME})
        for row in _TABLE.rows
        if "one window" not in row.name
    ),
    scales=_OF_PEOPLE.scales,
    metrics=_OF_PEOPLE.metrics,
    averages={
        f"PCL{said}": tuple(f"{name}, PCL{said}" for name in ("C3D", "R3D", "R(2+1)D"))
        for said in (
            "",
            ", rate 0.0005",
            ", rate 0.006",
            ", augmented",
            ", backbone a tenth of the rate",
            ", classifier alone",
        )
    },
    note="'PCL' has learnt without labels before, from all training videos; each row is compared "
    "with random weights of its own settings. No table of the papers.",
)
