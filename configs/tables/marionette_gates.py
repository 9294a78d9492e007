"""Does Marionette mean something? The gates that the preset `standard` must pass.

Needs the records of its three variants, named marionette, marionette_background and
marionette_blurred. `python -m benchmarks.marionette_gates --out=DIR` judges the finished runs, and
whether more videos gain by the baseline of Table 3, which is the first row on a third of them.
"""

from typing import Any

from vidkd_jax.tables import Row, Table

VIDEO = "8 frames"


def _row(name: str, **overrides: Any) -> Row:
    fields = {field.replace("__", "."): value for field, value in overrides.items()}
    return Row(name, "supervised_r18", {"augment.enabled": False, **fields})


TABLE = Table(
    title="Marionette's gates",
    rows=(
        _row(VIDEO),
        _row("one frame, repeated", data__sampler="still"),
        _row("background only", data__name="marionette_background"),
        _row("one blurred frame", data__name="marionette_blurred", data__sampler="still"),
        _row("twice as wide", model__width=0.25),
    ),
    reference=VIDEO,
    scales={"marionette": {"": "marionette"}},
)
