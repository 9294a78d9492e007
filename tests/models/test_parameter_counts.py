"""Every backbone has exactly as many parameters as the public network."""

import functools

import jax
import jax.numpy as jnp
import pytest

from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.models import torchvision

# (backbone, number of classes) -> number of parameters of the public network.
COUNTS = {
    ("r3d_18", 400): 33_371_472,
    ("r3d_18", 101): 33_218_085,
    ("mc3_18", 400): 11_695_440,
    ("r2plus1d_18", 400): 31_505_325,
    ("ig65m_r2plus1d_34", 400): 63_697_175,
    ("hara_resnext_101", 51): 47_625_715,
    ("hara_resnext_101", 101): 47_728_165,
    ("hara_resnext_101", 174): 47_877_742,
    ("hara_resnext_101", 400): 48_340_816,
    ("hara_resnext_101", 600): 48_750_616,
    ("vcop_c3d", 51): 27_687_603,
    ("vcop_c3d", 101): 27_713_253,
    ("vcop_r3d", 51): 14_387_955,
    ("vcop_r3d", 101): 14_413_605,
    ("vcop_r21d", 51): 14_391_466,
    ("vcop_r21d", 101): 14_417_116,
    ("shufflenet3d_v2_1.0x", 600): 1_914_180,
    ("shufflenet3d_v2_2.0x", 101): 5_617_365,
    ("shufflenet3d_v2_2.0x", 174): 5_766_942,
    ("shufflenet3d_v2_2.0x", 400): 6_230_016,
    ("shufflenet3d_v2_2.0x", 600): 6_639_816,
    ("x3d_xs", 400): 3_794_274,
    ("x3d_l", 400): 6_153_384,
}


def shapes(model):
    clip = jax.ShapeDtypeStruct((1, 16, 112, 112, model.in_channels), jnp.float32)
    init = functools.partial(model.init, train=False)
    return jax.eval_shape(init, jax.random.key(0), clip)["params"]


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@functools.cache
def for_two_classes(name):
    return shapes(models.create(name, 2))


def count_of(name, num_classes):
    """Returns the number of parameters of a backbone with a classifier."""
    params = for_two_classes(name)
    return count(params["backbone"]) + num_classes * count(params["logits"]) // 2


@pytest.mark.parametrize(("name", "num_classes"), COUNTS)
def test_parameters_to_the_unit(name, num_classes):
    assert count_of(name, num_classes) == COUNTS[name, num_classes]


# In millions, as published for 3D-ResNets-PyTorch's networks.
MILLIONS = {
    ("hara_r3d_18", 101): 33.26,
    ("hara_r3d_18", 400): 33.41,
    ("hara_r3d_18_a", 400): 33.24,
    ("hara_r3d_34", 101): 63.57,
    ("hara_r3d_34", 400): 63.72,
    ("hara_r3d_34_a", 400): 63.54,
    ("hara_r3d_50", 101): 46.41,
    ("hara_r3d_50", 400): 47.02,
    ("hara_r3d_101", 400): 86.06,
    ("hara_r2plus1d_18", 400): 33.42,
    ("hara_r2plus1d_34", 400): 63.75,
    ("hara_r2plus1d_50", 400): 47.04,
}


@pytest.mark.parametrize(("name", "num_classes"), MILLIONS)
def test_parameters_in_millions(name, num_classes):
    assert round(count_of(name, num_classes) / 1e6, 2) == MILLIONS[name, num_classes]


def test_flow_has_two_input_channels():
    model = models.create("hara_resnext_101", 400, in_channels=2)
    assert count(shapes(model)) == 48_318_864


@pytest.mark.parametrize(
    ("name", "expected"),
    [("vcop_c3d", 27_661_440), ("vcop_r3d", 14_361_792), ("vcop_r21d", 14_365_303)],
)
def test_parameters_without_classifier(name, expected):
    assert count_of(name, 0) == expected


def test_the_narrowest_factorised_network_has_a_middle():
    """Its first shortcut is of 1 to 2 channels, for which the formula gives none."""
    assert count(shapes(models.create("vcop_r21d", 5, width=1 / 64)))


@pytest.mark.parametrize("shape", [(7, 16, 16, 3), (8, 16, 15, 3)])
def test_c3d_refuses_what_its_pools_leave_nothing_of(shape):
    model = models.create("vcop_c3d", 2, width=1 / 32)
    clip = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    with pytest.raises(InputError, match=r"data\.frames.* use at least 8 frames of 16x16 pixels"):
        jax.eval_shape(functools.partial(model.init, train=False), jax.random.key(0), clip)


def test_a_confidence_head_adds_its_linear_layer():
    model = models.create("shufflenet3d_v2_2.0x", 600, heads={"confidence": models.Head(1)})
    assert count(shapes(model)) == 6_639_816 + 2049


def test_torchvision_rule_for_middle_channels_at_depth_34():
    backbone = torchvision.VideoResNet(stage_sizes=(3, 4, 6, 3), factorised=True)
    assert count(shapes(models.Recogniser(backbone, {"logits": models.Head(400)}))) == 61_831_661


RESIDUAL_BLOCKS = {  # number of blocks of each backbone, from its papers
    "ty_r3d_10": 4,
    "ty_r3d_18": 8,
    "ty_r3d_34": 16,
    "ty_r3d_50": 16,
    "r3d_18": 8,
    "mc3_18": 8,
    "r2plus1d_18": 8,
    "ig65m_r2plus1d_34": 16,
    "hara_r3d_18": 8,
    "hara_r3d_18_a": 8,
    "hara_r3d_34": 16,
    "hara_r3d_34_a": 16,
    "hara_r3d_50": 16,
    "hara_r3d_101": 33,
    "hara_r2plus1d_18": 8,
    "hara_r2plus1d_34": 16,
    "hara_r2plus1d_50": 16,
    "hara_resnext_101": 33,
    "vcop_r3d": 4,
    "vcop_r21d": 4,
    "tsn_resnet18": 8,
    "tsn_resnet50": 16,
    "i3d_resnet50": 16,
    "i3d_resnet50_caffe2": 16,
    "i3d_resnet101": 33,
    "x3d_xs": 26,
    "x3d_s": 26,
    "x3d_m": 26,
    "x3d_l": 55,
}


def test_backbones_without_a_norm_that_ends_a_block():
    without = {name for name in models.available() if not models.lookup(name).last_norm}
    assert {name for name in without if not name.startswith("shufflenet")} == {
        "ty_r3d_18_keras",
        "ty_r3d_34_keras",
        "ty_r3d_50_keras",
        "ty_r3d_18_keras_224",
        "ty_r3d_34_keras_224",
        "ty_r3d_50_keras_224",
        "vcop_c3d",
    }
    assert set(RESIDUAL_BLOCKS) == set(models.available()) - without


@pytest.mark.parametrize("name", RESIDUAL_BLOCKS)
def test_each_residual_block_has_one_last_norm(name):
    norm, params = models.lookup(name).last_norm, for_two_classes(name)["backbone"]
    blocks = [
        path[:-2]
        for path, _ in jax.tree_util.tree_leaves_with_path(params)
        if [entry.key for entry in path[-2:]] == [norm, "scale"]
    ]
    assert len(blocks) == len(set(blocks)) == RESIDUAL_BLOCKS[name]
    for path in blocks:
        block = params
        for entry in path:
            block = block[entry.key]
        # It is neither the norm of the shortcut nor one inside a factorised convolution; those have
        # names of another kind.
        assert max(n for n in block if "scale" in block[n] and n[:2] == norm[:2]) == norm
