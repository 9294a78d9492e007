"""Where a network looks, against what the weights of a linear one say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax import augment, models
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head, Recogniser
from vidkd_jax.networks.grad_cam import grad_cam
from vidkd_jax.networks.network import Network, Variables

RNG = np.random.default_rng(0)


class Linear(nn.Module):
    """A convolution and the mean of its outputs."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, clip, *, train):
        del train
        x = nn.Conv(4, (1, 2, 2), (1, 2, 2), "VALID", name="conv")(clip)
        return nn.Dense(5, name="dense")(x.mean(axis=(1, 2, 3)))


def network(backbone=None, **how):
    model = Recogniser(backbone or Linear(), {"logits": Head(3)})
    return Network(model, **how)


def batch(clips):
    rows = jnp.arange(len(clips))
    return {"clip": jnp.asarray(clips), "label": rows, "video": rows, "mask": rows >= 0}


def variables_of(net, clips):
    found = net.model.init(jax.random.key(1), jnp.zeros((1, *clips.shape[-4:])), train=False)
    return Variables(found["params"], found.get("batch_stats", {}))


def test_of_a_linear_network_it_is_the_class_activation_map():
    """Zhou et al., 2016: the features weighted by the class' weights."""
    clips = RNG.integers(0, 256, (2, 1, 3, 8, 8, 3), np.uint8)
    net = network()
    variables = variables_of(net, clips)
    labels = jnp.array([2, 0])
    seen, found = grad_cam(variables, batch(clips), labels, network=net)
    np.testing.assert_allclose(seen, clips[:, 0] / 127.5 - 1, atol=1e-5)
    params = variables.params
    features = net.model.backbone.apply(
        {"params": params["backbone"]},
        seen,
        train=False,
        method=lambda module, clip, train: nn.Conv(
            4, (1, 2, 2), (1, 2, 2), "VALID", parent=None
        ).apply({"params": params["backbone"]["conv"]}, clip),
    )
    weights = params["backbone"]["dense"]["kernel"] @ params["logits"]["kernel"]
    maps = np.maximum(np.einsum("bthwc,cb->bthw", features, weights[:, labels]), 0)
    large = jax.image.resize(maps, found.shape, "linear")
    np.testing.assert_allclose(
        found, large / large.max(axis=(1, 2, 3), keepdims=True), rtol=2e-4, atol=1e-5
    )


def test_it_finds_the_place_that_the_class_comes_from():
    clips = np.zeros((2, 1, 4, 8, 8, 3), np.uint8)
    clips[0, 0, 1, 2:4, 6:8], clips[1, 0, 3, 6:8, 0:2] = 255, 255
    net = network()
    params = variables_of(net, clips).params
    params = jax.tree.map(jnp.ones_like, params)  # bright places speak for each class
    params["backbone"]["conv"]["bias"] = jnp.full(4, 12.0)  # black is -1 in each of 12 inputs
    _, found = grad_cam(
        Variables(params, {}), batch(clips), jnp.array([1, 1]), network=net, block="conv"
    )
    for heat, (t, h, w) in zip(np.asarray(found), [(1, 2, 6), (3, 6, 0)], strict=True):
        assert (
            heat.max() == pytest.approx(1) and np.unravel_index(heat.argmax(), heat.shape)[0] == t
        )
        inside = heat[t, h : h + 2, w : w + 2]
        outside = np.delete(heat, t, axis=0)
        assert inside.min() > 0.5 and outside.max() == 0


def test_where_nothing_speaks_for_the_class_it_is_zero():
    clips = RNG.integers(0, 256, (1, 1, 2, 8, 8, 3), np.uint8)
    net = network()
    params = jax.tree.map(jnp.zeros_like, variables_of(net, clips).params)
    _, found = grad_cam(Variables(params, {}), batch(clips), jnp.array([0]), network=net)
    assert not np.asarray(found).any()


@pytest.mark.parametrize("name", ["r3d_18", "vcop_c3d", "x3d_xs", "tsn_resnet18"])
def test_of_our_backbones_it_is_the_last_block_that_tells_places_apart(name):
    size = models.lookup(name).size
    how = {"num_classes": 3, "in_channels": 3, "width": 0.125 if name != "x3d_xs" else 1.0}
    model = models.create(name, **how)
    frames = tuple(range(0, 32, 2))
    net = Network(model, frames=frames, size=size // 2 if name != "vcop_c3d" else size)
    clips = RNG.integers(0, 256, (1, 1, 32, size, size, 3), np.uint8)
    shape = (1, 16, net.size, net.size, 3)
    found = jax.jit(lambda: model.init(jax.random.key(0), jnp.zeros(shape), train=False))()
    variables = Variables(found["params"], found.get("batch_stats", {}))
    look = jax.jit(functools.partial(grad_cam, network=net))
    logits = jax.jit(net.infer)(variables, augment.plain(batch(clips)))["logits"]
    seen, heat = look(variables, batch(clips), logits.argmax(axis=1))
    assert seen.shape == shape and heat.shape == shape[:-1]
    assert heat.min() == 0 and float(heat.max()) == pytest.approx(1)


def test_clips_of_a_video_behind_each_other():
    clips = RNG.integers(0, 256, (2, 3, 2, 8, 8, 3), np.uint8)
    net = network()
    variables = variables_of(net, clips)
    seen, found = grad_cam(variables, batch(clips), jnp.array([0, 1]), network=net)
    assert found.shape == (2, 6, 8, 8)
    np.testing.assert_allclose(seen, clips.reshape(2, 6, 8, 8, 3) / 127.5 - 1, atol=1e-5)


class Pooled(nn.Module):
    """Nothing but a mean over all places."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, clip, *, train):
        del train
        return nn.Conv(4, clip.shape[1:4], padding="VALID", name="conv")(clip)[:, 0, 0, 0]


@pytest.mark.parametrize(
    ("backbone", "block", "message"),
    [
        (Linear(), "conf", "no block 'conf' in the network.*did you mean 'conv'"),
        (Pooled(), "conv", "block 'conv' does not tell places apart; use an earlier one"),
        (Pooled(), "", "no block of the network tells places apart"),
    ],
)
def test_what_says_nothing_about_places_is_refused(backbone, block, message):
    clips = np.zeros((1, 1, 2, 8, 8, 3), np.uint8)
    net = network(backbone)
    variables = variables_of(net, clips)
    with pytest.raises(InputError, match=message):
        grad_cam(variables, batch(clips), jnp.array([0]), network=net, block=block)
