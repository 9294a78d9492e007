"""Backbones by name; one of one's own trains, and is read again, as ours are."""

import copy

import jax.numpy as jnp
import pytest
from flax import linen as nn

from vidkd_jax import models, train
from vidkd_jax.models import registry
from vidkd_jax.networks import weights


class _Plain(nn.Module):
    """A convolution without a norm, and a parameter of a name of its own."""

    width: float = 1.0
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, clip, *, train):
        gain = self.param("gain", nn.initializers.ones, (1,))
        return gain * nn.Conv(round(64 * self.width), (3, 3, 3), (2, 4, 4))(clip).mean((1, 2, 3))


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", copy.copy(registry._BACKBONES))
    models.register("plain", models.Backbone(_Plain, source="here"))
    return "plain"


def test_a_backbone_of_ones_own_trains_goes_on_is_loaded_and_teaches(plain, small_config, tmp_path):
    own = tmp_path / "own"
    for epochs in (1, 2):
        whole = small_config(model__name=plain, train__epochs=epochs, train__keep_epochs=(1,))
        train.train_and_evaluate(whole, own)
    card, variables = weights.load(own)
    assert card.model == plain and "logits" in variables.params
    taught = small_config(method__name="distillation", teachers__runs=(str(own),), train__epochs=1)
    peers = small_config(model__name=plain, method__name="mutual_learning", train__epochs=1)
    starts = small_config(model__name=plain, model__init_from=str(own), train__epochs=1)
    forks = small_config(
        model__name=plain, train__fork_from=str(own), train__fork_epoch=1, train__epochs=2
    )
    for number, config in enumerate((taught, peers, starts, forks)):
        summary = train.train_and_evaluate(config, tmp_path / str(number))
        assert summary["epochs"] == config.train.epochs


def test_backbones_of_ours_keep_their_names():
    with pytest.raises(ValueError, match="backbone 'ty_r3d_18' is one of ours"):
        models.register("ty_r3d_18", models.Backbone(_Plain, source="here"))
