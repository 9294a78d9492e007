"""TSN and I3D compute what PyTorch computes; I3D starts from image weights as PyTorch would."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra 'parity' brings PyTorch")

import numpy as np
import torch
from torch_resnet2d import FrameResNet
from yardstick import assert_parity, small

from vidkd_jax.convert.__main__ import main
from vidkd_jax.models.resnet2d import BACKBONES
from vidkd_jax.networks import public_names, weights

INFLATED = ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))
INFLATED_101 = (*INFLATED[:2], (1, 0) * 11 + (1,), INFLATED[3])
NETWORKS = {
    "tsn_resnet18": ((2, 2, 2, 2), {"bottleneck": False}),
    "tsn_resnet50": ((3, 4, 6, 3), {"bottleneck": True}),
    "i3d_resnet50": ((3, 4, 6, 3), {"bottleneck": True, "patterns": INFLATED}),
    "i3d_resnet50_caffe2": (
        (3, 4, 6, 3),
        {"bottleneck": True, "patterns": INFLATED, "pool": "unpadded"},
    ),
    "i3d_resnet101": ((3, 4, 23, 3), {"bottleneck": True, "patterns": INFLATED_101}),
}
SLOW = ("tsn_resnet50", "i3d_resnet50", "i3d_resnet50_caffe2", "i3d_resnet101")
# With this shape the last norms have 12 values each; the variance of fewer is ill-conditioned.
SHAPE = (3, 8, 48, 48, 3)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NETWORKS]
)
def test_same_logits_statistics_and_gradients(name):
    sizes, options = NETWORKS[name]
    module = FrameResNet(sizes, width=1 / 16, **options)
    assert_parity(module, small(name, width=1 / 16), head="fc", shape=SHAPE)


@pytest.mark.parametrize(
    ("name", "pool"), [("i3d_resnet50", "padded"), ("i3d_resnet50_caffe2", "unpadded")]
)
def test_inflated_blocks_alternate_and_the_first_pool_is_that_of_the_weights(name, pool):
    patterns = ((1,), (1, 0), (1,), (0, 1))
    sizes = tuple(map(len, patterns))
    module = FrameResNet(sizes, bottleneck=True, patterns=patterns, pool=pool, width=1 / 16)
    build = partial(BACKBONES[name].build, stage_sizes=sizes)
    assert_parity(module, small(build, width=1 / 16), head="fc", shape=SHAPE)


@pytest.mark.parametrize("wrapped", [False, True])
def test_image_weights_are_inflated_by_the_command(wrapped, tmp_path, capsys):
    torch.manual_seed(0)
    image = FrameResNet((3, 4, 6, 3), bottleneck=True, width=1 / 16).state_dict()
    torch.save({"state_dict": image} if wrapped else image, tmp_path / "image.pth")
    flags = ["--model=i3d_resnet50", "--width=0.0625", f"--checkpoint={tmp_path / 'image.pth'}"]
    main([*flags, "--inflate", "--num_classes=7", f"--out={tmp_path / 'out'}"])
    card, variables = weights.load(tmp_path / "out")
    assert card.normalisation.order == "rgb" and card.num_classes == 7
    found = public_names.by_public_name(variables, head="fc")
    for name in ("conv1.weight", "layer1.0.conv1.weight", "layer2.1.conv1.weight"):
        expected = image[name].numpy().transpose(2, 3, 1, 0)
        np.testing.assert_allclose(found[name].sum(0), expected, rtol=1e-5, atol=1e-7)
    assert [found[f"layer2.{i}.conv1.weight"].shape[0] for i in range(4)] == [3, 1, 3, 1]
    assert np.array_equal(found["bn1.running_var"], image["bn1.running_var"])
    assert "initialised fc: 5 classes in the checkpoint, 7 here" in capsys.readouterr().out
