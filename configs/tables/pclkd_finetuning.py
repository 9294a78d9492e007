"""PCL, few labels: what becomes of a pretrained network by learning rate and augmentation."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("pclkd_finetuned_10")
NETWORKS = ("C3D", "R3D")
# Of the built-in videos' recipe, which the other tables have: a rate of 0.002, no augmentation.
SETTINGS = {
    "": {},
    ", rate 0.0005": {"optim.learning_rate": 0.0005},
    ", rate 0.006": {"optim.learning_rate": 0.006},
    ", augmented": {"augment.enabled": True},
}


def _rows(name: str, said: str, overrides: dict[str, object]) -> list[Row]:
    """Returns a network of random weights and a pretrained one, both with the same settings."""
    alone = f"{name}, random weights"
    return [
        dataclasses.replace(
            row,
            name=f"{row.name.replace('scratch', 'PCL')}{said}",
            overrides={**row.overrides, **overrides},
            against=f"{alone}{said}",
        )
        for row in (_TABLE.row(alone), _TABLE.row(f"{name}, scratch"))
    ]


TABLE = load_table("pclkd_finetuned_10")
NETWORKS = ("C3D", "R3D")
# Of the built-in videos' recipe, which the other tables have: a rate of 0.002, no augmentation.
SETTINGS = {
    "": {},
    ", rate 0.0005": {"optim.learning_rate": 0.0005},
    ", rate 0.006": {"optim.learning_rate": 0.006},
    ", augmented": {"augment.enabled": True},
}


def _rows(name: str, said: str, overrides: dict[str, object]) -> tuple[Row, Row]:
    """Returns a network of random weights and a pretrained one, both with the same settings."""
    alone, pretrained = (
        dataclasses.replace(
            row,
            name=f"{row.name.replace('scratch', 'PCL')}{said}",
            overrides={**row.overrides, **overrides},
            against=f"{name}, random weights{said}",
        )
        for row in (_TABLE.row(f"{name}, random weights"), _TABLE.row(f"{name}, scratch"))
    )
    return alone, pretrained


TABLE = dataclasses.replace(
    _TABLE,
    title="PCL: fine-tuned on 10 % of the labels, by learning rate and augmentation",
    rows=tuple(
        row
        for name in NETWORKS
        for said, overrides in SETTINGS.items()
        for row in _rows(name, said, overrides)
    ),
    reference="C3D, random weights",
    scales={"marionette": _TABLE.scales["marionette"]},
    metrics=(*_TABLE.metrics, "video_motion", "video_direction"),
    note="'PCL' has learnt without labels before; each row is compared with random weights of its "
    "own settings. No table of the papers.",
)
