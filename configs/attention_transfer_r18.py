"""A 3D ResNet-18 taught by its teacher's attention maps (Zagoruyko & Komodakis 2017).

Name the teacher with `--config.teachers.runs="('runs/supervised_r50',)"`. The blocks are the last
blocks of stages, in TY's 3D ResNet-18 for the student and in TY's 3D ResNet-50 for the teacher.

The argument is the data set: ucf101 (default) or another of vidkd_jax/settings/recipes.py.
"""

from ml_collections import ConfigDict

from vidkd_jax.settings.recipes import build


def get_config(dataset: str = "ucf101") -> ConfigDict:
    """Returns the config for a data set."""
    return build(
        "attention_transfer_r18",
        dataset,
        model__name="ty_r3d_18",
        method__name="attention_transfer",
        method__student_blocks=("stage3_block2", "stage4_block2", "stage5_block2"),
        method__blocks_of_teacher=("stage3_block4", "stage4_block6", "stage5_block3"),
    )
