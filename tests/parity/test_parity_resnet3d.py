"""TY's 3D ResNets compute what PyTorch computes with the same weights."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from yardstick import NUM_CLASSES, assert_parity, small

from benchmarks.torch_resnet3d import ResNet3D
from vidkd_jax.models import resnet3d

SHAPE = (2, 16, 32, 32, 3)
ONE_EACH = (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["ty_r3d_18", "ty_r3d_50"])
def test_same_logits_statistics_and_gradients(name):
    """One block per stage covers all kinds of blocks, with and without a shortcut convolution."""
    bottleneck = name == "ty_r3d_50"
    module = ResNet3D(8, SHAPE[1], NUM_CLASSES, sizes=ONE_EACH, bottleneck=bottleneck)
    build = partial(resnet3d.BACKBONES[name].build, stage_sizes=ONE_EACH)
    assert_parity(module, small(build), head="fc", shape=SHAPE)
