"""The networks of TY's released code have TensorFlow's parameter counts and padding."""

import jax
import jax.numpy as jnp
import pytest

from vidkd_jax import models
from vidkd_jax.models.ty_keras import same_padding

# For 101 classes and 16 frames: trainable parameters, and parameters with BatchNorm's statistics.
COUNTS = {
    "ty_r3d_18_keras": (33_310_437, 33_318_245),
    "ty_r3d_34_keras": (63_623_781, 63_639_013),
    "ty_r3d_50_keras": (46_631_653, 46_677_093),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_to_the_unit(name):
    assert tuple(counted(name)) == tuple(counted(f"{name}_224")) == COUNTS[name]


def counted(name):
    model = models.create(name, 101)
    clip = jax.ShapeDtypeStruct((1, 16, 112, 112, 3), jnp.float32)
    shapes = jax.eval_shape(lambda clip: model.init(jax.random.key(0), clip, train=False), clip)
    return (sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (shapes["params"], shapes))


@pytest.mark.parametrize(
    ("length", "size", "stride", "expected"),
    [
        (112, 7, 2, (2, 3)),  # PyTorch pads 3 and 3
        (16, 7, 1, (3, 3)),
        (56, 3, 2, (0, 1)),
        (7, 3, 2, (1, 1)),
        (28, 1, 2, (0, 0)),
    ],
)
def test_odd_padding_comes_after(length, size, stride, expected):
    shape = (1, length, 8, 8, 3)
    assert same_padding(shape, (size, 1, 1), (stride, 1, 1))[0] == expected
