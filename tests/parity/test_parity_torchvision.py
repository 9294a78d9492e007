"""The video ResNets of torchvision and VMZ compute what PyTorch computes with the same weights."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from yardstick import assert_parity, small

from benchmarks.torch_video_resnet import NETWORKS, VideoResNet
from vidkd_jax.models import torchvision

SHAPE = (2, 8, 32, 32, 3)
FAST = ("mc3_18",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in NETWORKS]
)
def test_same_logits_statistics_and_gradients(name):
    module = VideoResNet(width=1 / 8, **NETWORKS[name])
    assert_parity(module, small(name), head="fc", shape=SHAPE)


@pytest.mark.parametrize("name", ["ig65m_r2plus1d_34", "r2plus1d_18"])
def test_both_rules_for_middle_channels_on_one_block_a_stage(name):
    options = {**NETWORKS[name], "sizes": (1, 1, 1, 1)}
    module = VideoResNet(width=1 / 8, **options)
    build = partial(torchvision.BACKBONES[name].build, stage_sizes=options["sizes"])
    assert_parity(module, small(build), head="fc", shape=SHAPE)
