"""X3D computes what PyTorch computes with the same weights."""

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from yardstick import assert_parity, small

from benchmarks.torch_x3d import DEPTHS, X3D
from vidkd_jax import models
from vidkd_jax.models.costs import count


@pytest.mark.parametrize("name", [pytest.param("x3d_l", marks=pytest.mark.slow), "x3d_s"])
def test_same_logits_statistics_and_gradients(name):
    width = 1 / 2
    module = X3D(DEPTHS[name], width=width)
    assert_parity(module, small(name, width), head="blocks.5.proj", shape=(2, 4, 64, 64, 3))


@pytest.mark.parametrize("name", DEPTHS)
def test_as_many_parameters_at_full_width(name):
    whole = sum(each.numel() for each in X3D(DEPTHS[name], classes=400).parameters())
    assert count(models.create(name, 400), (4, 32, 32, 3))[0] == whole
