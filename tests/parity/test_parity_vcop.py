"""The backbones of VCOP and PCL compute what PyTorch computes with the same weights."""

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from torch_vcop import network
from yardstick import assert_parity, small

SHAPES = {
    "vcop_c3d": (2, 16, 32, 32, 3),
    "vcop_r3d": (2, 8, 32, 32, 3),
    "vcop_r21d": (2, 8, 32, 32, 3),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "vcop_r3d")) for name in SHAPES]
)
def test_same_logits_statistics_and_gradients(name):
    assert_parity(network(name, width=1 / 8), small(name), head="linear", shape=SHAPES[name])
