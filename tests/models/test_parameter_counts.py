"""Every backbone has exactly the parameters of the public one."""

import functools

import jax
import jax.numpy as jnp
import pytest

from vidkd_jax import models

# Backbone, classes -> parameters, as the public networks have them.
COUNTS = {
    ("r3d_18", 400): 33_371_472,
    ("r3d_18", 101): 33_218_085,
    ("mc3_18", 400): 11_695_440,
    ("r2plus1d_18", 400): 31_505_325,
    ("ig65m_r2plus1d_34", 400): 63_697_175,
}


def count(model):
    clip = jax.ShapeDtypeStruct((1, 16, 112, 112, model.in_channels), jnp.float32)
    init = functools.partial(model.init, train=False)
    params = jax.eval_shape(init, jax.random.key(0), clip)["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("name", "num_classes"), COUNTS)
def test_parameters_to_the_unit(name, num_classes):
    assert count(models.create(name, num_classes)) == COUNTS[name, num_classes]
