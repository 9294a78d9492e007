"""PCL, few labels: what becomes of a pretrained network by learning rate and augmentation."""

import dataclasses
from collections.abc import Iterator

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("pclkd_finetuned_10")
NETWORKS = ("C3D", "R3D", "R(2+1)D")
# Of the built-in videos' recipe, which the other tables have: a rate of 0.002, no augmentation.
SETTINGS = {
    "": {},
    ", rate 0.0005": {"optim.learning_rate": 0.0005},
    ", rate 0.006": {"optim.learning_rate": 0.006},
    ", augmented": {"augment.enabled": True},
    ", backbone a tenth of the rate": {"optim.multipliers": (("backbone", 0.1),)},
    ", classifier alone": {"optim.multipliers": (("backbone", 0.0),)},
}


def _rows(name: str, said: str, overrides: dict[str, object]) -> Iterator[Row]:
    """Yields a network of random weights and two pretrained ones, all with the same settings."""
    alone, learnt = f"{name}, random weights{said}", _TABLE.row(f"{name}, scratch")
    start = learnt.overrides["model.init_from"]
    one_window = dataclasses.replace(
        start, overrides={**start.overrides, "method.windows": "tuple"}
    )
    for row_name, row, changed in (
        (alone, _TABLE.row(f"{name}, random weights"), {}),
        (f"{name}, PCL{said}", learnt, {}),
        (f"{name}, PCL, one window{said}", learnt, {"model.init_from": one_window}),
    ):
        changes = {**row.overrides, **overrides, **changed}
        yield dataclasses.replace(row, name=row_name, overrides=changes, against=alone)


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
    averages={},
    metrics=(*_TABLE.metrics, "video_motion", "video_direction"),
    note="'PCL' has learnt without labels before, 'one window' for all clips as in `pcl_windows`; "
    "each row is compared with random weights of its own settings. No table of the papers.",
)
