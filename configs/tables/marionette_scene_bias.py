"""Networks whose training videos show the class by their scene, tested on old and on new scenes."""

from vidkd_jax.tables import Row, Table


def _row(name: str, scenes: str, **overrides: object) -> Row:
    return Row(name, "supervised_r18", {"data.name": scenes, **overrides})


_PLAIN = {"augment.enabled": False}
TABLE = Table(
    title="Marionette with scenes that tell the class",
    rows=(
        Row("scenes tell nothing", "supervised_r18", _PLAIN),
        Row("scenes tell nothing, other seeds", "supervised_r18", _PLAIN, seed_offset=1000),
        _row("scenes tell", "marionette_scene_bias", **_PLAIN),
        _row("scenes tell, new in the test", "marionette_new_scenes", **_PLAIN),
        Row("scenes tell nothing + Data Aug", "supervised_r18"),
        _row("scenes tell + Data Aug", "marionette_scene_bias"),
        _row("scenes tell, new in the test + Data Aug", "marionette_new_scenes"),
    ),
    reference="scenes tell nothing",
    scales={"marionette": {"": "marionette"}},
    noise=("scenes tell nothing, other seeds",),
    metrics=("video_top1", "video_motion", "video_direction", "clip_ece"),
    note="Four fifths of the videos show the scene of their class. The training videos of 'scenes "
    "tell' and of 'new in the test' are the same.",
)
