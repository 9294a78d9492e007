"""A still-image network, TSN on a 2D ResNet-18: a teacher for DTG-Net that knows another task.

The argument is the task, whose records data_prep.marionette.tasks prepares: scene (default), outfit
or motion; or another data set of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import DATASETS, build


def get_config(task: str = "scene") -> ConfigDict:
    """Returns the config for a task."""
    dataset = task if task in DATASETS else f"marionette_{task}"
    one_frame = {"data.frames": 1, "data.stride": 1, "augment.enabled": False}
    return build(
        "frame_teacher",
        dataset,
        one_frame,
        model__name="tsn_resnet18",
        method__name="supervised",
    )
