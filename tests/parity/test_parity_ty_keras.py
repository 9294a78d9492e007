"""TY's released networks compute what PyTorch computes with the same weights and padding."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

from torch_ty_keras import ReleasedNetwork
from yardstick import assert_parity, small

from vidkd_jax.models.ty_keras import PreActivationResNet3D

# Odd and even lengths, because "same" pads them differently.
SHAPE = (2, 9, 30, 32, 3)


@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ((1, 1, 1, 1), {}),
        ((1, 1, 1, 1), {"pooled": True}),
        ((1, 2, 1, 1), {"bottleneck": True}),
        pytest.param((3, 4, 6, 3), {}, marks=pytest.mark.slow),
        pytest.param((3, 4, 6, 3), {"bottleneck": True}, marks=pytest.mark.slow),
    ],
)
def test_same_logits_statistics_and_gradients(sizes, options):
    module = ReleasedNetwork(sizes, **options, width=1 / 8, frames=SHAPE[1])
    build = partial(PreActivationResNet3D, stage_sizes=sizes, **options)
    assert_parity(module, small(build), head="fc", shape=SHAPE)
