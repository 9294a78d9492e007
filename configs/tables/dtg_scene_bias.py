"""DTG-Net and a teacher of scenes, on videos whose scenes tell nothing, or tell the class."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table3")
_TELLING = {"data.name": "marionette_scene_bias"}


def _both(name: str) -> tuple[Row, Row]:
    """Returns a row of Table 3 on videos whose scenes tell nothing, and where they tell."""
    row = dataclasses.replace(_TABLE.row(name), paper={})
    told = dataclasses.replace(
        row,
        name=f"{name}, scenes tell",
        overrides={**row.overrides, **_TELLING},
        against=name,
    )
    return row, told


TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net and scenes that tell the class",
    rows=tuple(row for name in ("random weights", "scene", "motion") for row in _both(name)),
    scales={"marionette": {"": "marionette"}},
    metrics=("probe_top1", "probe_motion", "probe_direction"),
    headline="probe_top1",
    note="Four fifths of the videos, of the test, too, show the scene of their class where scenes "
    "tell. The teachers are those of Table 3; they have been trained where scenes tell nothing.",
)
