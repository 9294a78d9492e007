"""Folding frozen BatchNorm into convolutions gives the same answers and leaves no norm."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax import models
from vidkd_jax.models.layers import Conv3D, convolve
from vidkd_jax.networks.network import Network, Variables

RNG = np.random.default_rng(0)
CLIP = jnp.asarray(RNG.uniform(-1, 1, (2, 16, 16, 16, 3)), jnp.float32)
# One backbone of each family. Together they have norms before and after convolutions, groups,
# biases and 2D convolutions.
FAMILIES = (
    "ty_r3d_18",
    "ty_r3d_18_keras",
    "r2plus1d_18",
    "hara_resnext_101",
    "vcop_c3d",
    "shufflenet3d_v2_0.25x",
    "tsn_resnet18",
    "x3d_xs",
)


def variables_of(model):
    """Returns variables with random norms and biases, so that they change the output."""

    def drawn(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/").split("/")[-1]
        if name == "kernel":
            return RNG.normal(0, 1 / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape).astype(
                np.float32
            )
        low, high = {"var": (0.3, 3.0), "scale": (0.5, 1.5)}.get(name, (-0.5, 0.5))
        return RNG.uniform(low, high, leaf.shape).astype(np.float32)

    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), CLIP, train=False))
    values = jax.tree_util.tree_map_with_path(drawn, shapes)
    return Variables(values["params"], values["batch_stats"])


def create(name, **options):
    return models.create(name, 5, width=1 / 8, **options)


def answers(model, variables):
    """Returns the outputs of a network without and with folding."""
    whole = jax.jit(lambda v: model.apply(v.as_dict(), CLIP, train=False))(variables)
    return whole, jax.jit(lambda v: Network(model).infer(v, {"clip": CLIP}))(variables)


@pytest.mark.parametrize("name", FAMILIES)
def test_folded_it_answers_as_it_does_whole(name):
    model = create(name)
    variables = variables_of(model)
    whole, folded = answers(model, variables)
    scale = float(jnp.abs(whole["features"]).max())
    chex.assert_trees_all_close(folded, whole, rtol=1e-4, atol=1e-4 * scale)


class _Standardised(Conv3D):
    """A convolution that does not use its kernel as it is."""

    @nn.compact
    def __call__(self, x):
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        return convolve(self, x, kernel - kernel.mean((0, 1, 2, 3)), None)


class _Own(nn.Module):
    """A backbone of one's own: norms with a part of their parameters, another convolution."""

    @nn.compact
    def __call__(self, clip, *, train):
        norm = functools.partial(nn.BatchNorm, use_running_average=not train)
        x = norm(use_scale=False)(Conv3D(4, strides=(2, 4, 4))(clip))
        x = norm(use_bias=False)(Conv3D(4)(nn.relu(x)))
        x = norm()(_Standardised(4)(nn.relu(x)))
        return norm(axis=1)(Conv3D(4)(nn.relu(x))).mean((1, 2, 3))


def test_a_backbone_of_ones_own_answers_as_it_does_whole():
    model = models.Recogniser(_Own(), {"logits": models.Head(5)})
    whole, folded = answers(model, variables_of(model))
    chex.assert_trees_all_close(folded, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["ty_r3d_18", "hara_resnext_101", "vcop_c3d", "tsn_resnet18"])
def test_behind_a_convolution_no_norm_is_left(name):
    assert not norms_left(create(name))


def test_before_a_convolution_a_norm_stays():
    names = norms_left(create("ty_r3d_18_keras"))
    assert names
    assert len(names) < len(norms_left(create("ty_r3d_18_keras"), train=True))


def norms_left(model, *, train=False):
    """Returns the paths of the norms that are not folded."""
    folding, found = models.NormFolding(), []

    def listen(call, args, kwargs, context):
        def listened(*args, **kwargs):
            if isinstance(context.module, nn.BatchNorm):
                found.append("/".join(context.module.path))
            return call(*args, **kwargs)

        return folding(listened, args, kwargs, context)

    def apply(variables):
        with nn.intercept_methods(listen):
            return model.apply(variables, CLIP, train=train, mutable=["batch_stats"])

    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), CLIP, train=False))
    jax.eval_shape(apply, variables)
    return found


def test_a_tapped_convolution_gives_its_own_output():
    """The output of a tapped block is the same with folding."""
    model = create("ty_r3d_18", dtype="float32").clone(taps=("stem",))
    variables = variables_of(model)
    whole, folded = answers(model, variables)
    chex.assert_trees_all_close(folded["stem"], whole["stem"], rtol=1e-5, atol=1e-5)


def test_in_bfloat16_it_is_as_near_to_float32_as_the_whole():
    exact = create("ty_r3d_18")
    variables = variables_of(exact)
    expected, _ = answers(exact, variables)
    whole, folded = (
        jnp.abs(outputs["features"] - expected["features"]).mean()
        for outputs in answers(create("ty_r3d_18", dtype="bfloat16"), variables)
    )
    assert 0 < folded < 1.5 * whole
