"""Heads: what they compute, and what only training needs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax import models
from vidkd_jax.models import Head, Normalisation, Recogniser


class _Mean(nn.Module):
    """The mean of a clip's pixels by channel: features [b, 3]."""

    @nn.compact
    def __call__(self, clip, *, train):
        return clip.mean((1, 2, 3)) * self.param("scale", nn.initializers.ones, ())


CLIPS = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 3, 4, 5, 5, 3)), jnp.float32)
HEADS = {
    "logits": Head(4),
    "projection": Head(6, hidden=5, unit=True, training_only=True),
    "order": Head(2, over="tuple"),
    "middle": Head(2, over="middle"),
    "probe": Head(4, detached=True),
}


def outputs(model, clips):
    variables = model.init(jax.random.key(0), clips, train=False)
    return variables["params"], model.apply(variables, clips, train=False)


def test_heads_are_what_they_say_over_the_clips_of_a_tuple():
    params, found = outputs(Recogniser(_Mean(), HEADS), CLIPS)
    shapes = {name: value.shape for name, value in found.items()}
    assert shapes == {
        "features": (2, 3, 3),
        "logits": (2, 3, 4),
        "projection": (2, 3, 6),
        "order": (2, 2),
        "middle": (2, 2),
        "probe": (2, 3, 4),
    }
    features = np.asarray(CLIPS.mean((2, 3, 4)))
    np.testing.assert_allclose(found["features"], features, rtol=1e-5)
    linear = params["order"]
    expected = features.reshape(2, 9) @ linear["kernel"] + linear["bias"]
    np.testing.assert_allclose(found["order"], expected, rtol=1e-4, atol=1e-5)
    linear = params["middle"]
    expected = features[:, 1] @ linear["kernel"] + linear["bias"]
    np.testing.assert_allclose(found["middle"], expected, rtol=1e-4, atol=1e-5)
    first, second = params["projection.0"], params["projection.2"]
    hidden = np.maximum(features @ first["kernel"] + first["bias"], 0)
    projected = hidden @ second["kernel"] + second["bias"]
    expected = projected / np.linalg.norm(projected, axis=-1, keepdims=True)
    np.testing.assert_allclose(found["projection"], expected, rtol=1e-4, atol=1e-5)


def test_several_clips_are_what_each_of_them_is_alone():
    model = Recogniser(_Mean(), {"logits": Head(4)})
    variables = model.init(jax.random.key(0), CLIPS, train=False)
    together = model.apply(variables, CLIPS, train=False)["logits"]
    alone = [model.apply(variables, CLIPS[:, n], train=False)["logits"] for n in range(3)]
    np.testing.assert_allclose(together, np.stack(alone, 1), rtol=1e-5)


def test_a_detached_head_does_not_move_the_backbone():
    model = Recogniser(_Mean(), HEADS)
    variables = model.init(jax.random.key(0), CLIPS, train=False)

    def gradient(name):
        loss = lambda params: model.apply({"params": params}, CLIPS, train=False)[name].sum()  # noqa: E731
        return jax.grad(loss)(variables["params"])

    assert gradient("probe")["backbone"]["scale"] == 0
    assert (gradient("probe")["probe"]["kernel"] != 0).any()
    assert gradient("logits")["backbone"]["scale"] != 0


def test_a_unit_output_of_zero_has_a_finite_gradient():
    model = Recogniser(_Mean(), {"unit": Head(3, unit=True)})
    zeros = jnp.zeros((1, 2, 4, 4, 3))
    variables = model.init(jax.random.key(0), zeros, train=False)
    loss = lambda params: model.apply({"params": params}, zeros, train=False)["unit"].sum()  # noqa: E731
    assert all(
        jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.grad(loss)(variables["params"]))
    )


def test_what_only_training_needs_is_not_deployed():
    model = Recogniser(_Mean(), HEADS, adapters={"features": 7})
    params, _ = outputs(model, CLIPS)
    assert set(params) - set(model.deployed(params)) == {
        "projection.0",
        "projection.2",
        "adapter features",
    }


def test_a_network_need_not_have_a_classifier():
    model = models.create("ty_r3d_18", None, width=1 / 32, heads={"order": Head(5)})
    assert set(model.heads) == {"order"}


@pytest.mark.parametrize("wrong", [{"width": 0}, {"hidden": -1}, {"over": "video"}])
def test_a_head_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="width from 1, hidden from 0"):
        Head(**{"width": 3, **wrong})


@pytest.mark.parametrize(("residual", "first"), [("circular", 3 - 0), ("first_repeated", 0 - 1)])
def test_residual_frames_are_the_frame_before_minus_the_frame(residual, first):
    """Of brightness 0, 1, 4, 3: PCL's roll takes the last frame as the one before the first."""
    values = np.array([0.0, 1.0, 4.0, 3.0], np.float32)
    clip = jnp.asarray(np.broadcast_to(values[:, None, None, None], (1, 4, 2, 2, 3)))
    found = Normalisation(residual=residual)(clip)
    assert found.shape == clip.shape
    assert np.asarray(found)[0, :, 0, 0, 0].tolist() == [first, -1.0, -3.0, 1.0]
    folded = Normalisation(residual=residual)(clip[None])  # [b, n, t, h, w, c]
    np.testing.assert_array_equal(folded[0], found)


def test_residual_frames_of_a_shifted_scale_lose_the_shift():
    plain = Normalisation((100.0,), (50.0,), residual="circular")
    clip = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 3, 2, 2, 3)), jnp.float32)
    expected = (jnp.roll(clip, 1, 1) - clip) * 127.5 / 50.0
    np.testing.assert_allclose(plain(clip), expected, rtol=1e-4, atol=1e-5)


def test_one_frame_has_no_residual():
    clip = jnp.ones((1, 1, 2, 2, 3))
    assert (Normalisation(residual="first_repeated")(clip) == 0).all()
