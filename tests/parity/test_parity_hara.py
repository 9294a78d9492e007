"""The networks of 3D-ResNets-PyTorch compute what PyTorch computes with the same weights."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from torch_hara import NETWORKS, ResNet
from yardstick import assert_parity, small

from vidkd_jax.models import hara

SHAPE = (2, 16, 64, 64, 3)
ONE_BLOCK = (1, 1, 1, 1)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name != "hara_r3d_18_a")) for name in NETWORKS],
)
def test_same_logits_statistics_and_gradients(name):
    assert_parity(ResNet(width=1 / 8, **NETWORKS[name]), small(name), head="fc", shape=SHAPE)


def test_factorised_on_one_block_a_stage():
    name = "hara_r2plus1d_50"
    module = ResNet(width=1 / 8, **{**NETWORKS[name], "sizes": ONE_BLOCK})
    build = partial(hara.BACKBONES[name].build, stage_sizes=ONE_BLOCK)
    assert_parity(module, small(build), head="fc", shape=SHAPE)


def test_resnext_of_flow_on_one_block_a_stage():
    name = "hara_resnext_101"
    module = ResNet(width=1 / 4, in_channels=2, **{**NETWORKS[name], "sizes": ONE_BLOCK})
    build = partial(hara.BACKBONES[name].build, stage_sizes=ONE_BLOCK)
    model = small(build, width=1 / 4, in_channels=2)
    assert_parity(module, model, head="fc", shape=(*SHAPE[:4], 2))
