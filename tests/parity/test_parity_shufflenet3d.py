"""The 3D ShuffleNets compute what PyTorch computes with the same weights."""

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from torch_shufflenet import CHANNELS, ShuffleNet
from yardstick import assert_parity, small


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name != "shufflenet3d_v2_0.5x"))
        for name in CHANNELS
    ],
)
def test_same_logits_statistics_and_gradients(name):
    width = 1 / 4
    module = ShuffleNet(CHANNELS[name], width=width)
    assert_parity(module, small(name, width), head="classifier.1", shape=(2, 16, 64, 64, 3))
