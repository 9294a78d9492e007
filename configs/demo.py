"""`make demo`: Teaching Yourself on the tiny Marionette videos; takes minutes on two CPU cores."""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config() -> ConfigDict:
    """Returns the config.

    A run this short has no time to learn with all seven augmentations, so four are switched off.
    """
    return build(
        "demo",
        "marionette",
        model__name="ty_r3d_18",
        method__name="teaching_yourself",
        augment__hue=0.0,
        augment__blur=0.0,
        augment__channel_split=0.0,
        augment__noise=0.0,
        data__val_fraction=0.2,
        train__epochs=45,
    )
