"""A still-image network, TSN on a 2D ResNet-18: a teacher for DTG-Net that knows another task.

The argument is the task, whose records data_prep.marionette.tasks prepares: scene (default), outfit
or motion; or another data set of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import DATASETS, build_frame_teacher


def get_config(task: str = "scene") -> ConfigDict:
    """Returns the config for a task."""
    dataset = task if task in DATASETS else f"marionette_{task}"
    return build_frame_teacher("frame_teacher", dataset)
