"""Refuses files whose weights fit a network by name and shape, but belong to another graph.

Two kinds of public networks come in pairs that differ only in a max-pool, which has no weights: I3D
of mmaction2 and of Wang et al., and TY's released networks for 112 and for 224 pixels. The wrong
one of a pair loads and gives wrong outputs. Other marks of a file tell which one it belongs to.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vidkd_jax.convert.keras_layout import Layers, has_pool
from vidkd_jax.convert.unwrapping import is_mmaction
from vidkd_jax.errors import InputError


def check_keras(layers: Layers, model: str, *, size: int, source: str) -> None:
    """Refuses an .h5 file of TY's network for the other size of clips.

    Args:
      layers: The result of `read_layers`.
      model: Name of the network, `ty_r3d_*_keras` or `ty_r3d_*_keras_224`.
      size: Height and width of the clips that the network is to see.
      source: The file, for messages.

    Raises:
      InputError: The file or the size belongs to the other network.
    """
    plain = model.removesuffix("_224")
    pooled = model != plain
    if has_pool(layers) != pooled:
        has, other = ("has no", plain) if pooled else ("has a", f"{plain}_224")
        raise InputError(
            f"{source}: {has} max-pool after the stem, so it is not of {model}; use --model={other}"
        )
    if (size == 224) != pooled:  # the released code decides by exactly this number
        raise InputError(
            f"--size={size}: TY's code has a max-pool for clips of 224 pixels only, and {source} "
            f"{'has one' if pooled else 'has none'}; leave --size out"
        )


def check_torch(saved: Any, arrays: Mapping[str, np.ndarray], model: str, *, source: str) -> None:
    """Refuses I3D weights of the other of the two public networks.

    mmaction2 puts the network into `backbone.`; Wang et al.'s port does not. Kernels of images fit
    both, because they are inflated here.

    Args:
      saved: The content of the file.
      arrays: Its tensors by public name, in Flax's layout.
      model: Name of the network.
      source: The file, for messages.

    Raises:
      InputError: The weights belong to the other network.
    """
    stem = arrays.get("conv1.weight")
    if not model.startswith("i3d_") or stem is None or stem.ndim != 5:
        return
    of_wang = model.endswith("_caffe2")
    if is_mmaction(saved) and of_wang:
        raise InputError(
            f"{source}: holds weights of mmaction2, whose first max-pool is another one; use "
            f"--model={model.removesuffix('_caffe2')}"
        )
    if not is_mmaction(saved) and not of_wang:
        raise InputError(
            f"{source}: does not have mmaction2's names (backbone.conv1...), so its first max-pool "
            f"may be another one than that of {model}; weights of Wang et al.'s I3D want "
            "--model=i3d_resnet50_caffe2"
        )
