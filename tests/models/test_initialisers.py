"""The first values of kernels: their spread, which decides how fast deep networks learn at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import models
from vidkd_jax.models.layers import Conv3D, torch_uniform


def kernel(convolution, channels):
    clip = jnp.zeros((1, 3, 4, 4, channels))
    return np.asarray(convolution.init(jax.random.key(0), clip)["params"]["kernel"])


def test_convolutions_begin_with_he_normals_fan_out():
    """He et al. 2015: deviation sqrt(2 / (kernel x output channels)), not of the input's."""
    found = kernel(Conv3D(64), 8)
    assert found.shape == (3, 3, 3, 8, 64)
    assert found.std() == pytest.approx((2 / (27 * 64)) ** 0.5, rel=0.03)
    assert np.abs(found).max() > 3.5 * found.std()  # normal, neither uniform nor truncated


def test_pytorchs_default_is_uniform_within_the_root_of_the_fan_in():
    found = kernel(Conv3D(64, kernel_init=torch_uniform), 8)
    bound = (1 / (27 * 8)) ** 0.5
    assert 0.99 * bound < np.abs(found).max() <= bound


@pytest.mark.parametrize(
    ("name", "fan"),
    [("ty_r3d_18", "outputs"), ("ty_r3d_18_keras", "inputs")],  # the latter: Keras' he_normal
)
def test_networks_begin_as_their_papers_code(name, fan):
    model = models.create(name, 2, width=1 / 4)
    init = jax.jit(lambda key, clip: model.init(key, clip, train=False))
    params = init(jax.random.key(0), jnp.zeros((1, 8, 32, 32, 3)))["params"]["backbone"]
    found = np.asarray(params["stage3_block1"]["conv1"]["kernel"])
    assert found.shape == (3, 3, 3, 16, 32)
    count = 27 * {"inputs": 16, "outputs": 32}[fan]
    assert found.std() == pytest.approx((2 / count) ** 0.5, rel=0.05)
