"""`make demo`: Teaching Yourself on the tiny Marionette videos, minutes on two CPU cores."""

from ml_collections import ConfigDict

from vidkd_jax.recipes import build


def get_config() -> ConfigDict:
    """Returns the config."""
    return build(
        "demo",
        "marionette",
        model__name="ty_r3d_18",
        method__name="teaching_yourself",
        train__epochs=16,
    )
