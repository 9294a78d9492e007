"""Converted public weights as the start of a run, and as a teacher."""

import jax
import numpy as np
import pytest
from small_runs import build
from torch_state import to_torch

from vidkd_jax import augment, models
from vidkd_jax.convert.__main__ import main
from vidkd_jax.models.normalisation import TORCHVISION_VIDEO, TY
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Variables
from vidkd_jax.run import beginning


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A narrow `mc3_18` of two classes, converted from a file under torchvision's names."""
    folder = tmp_path_factory.mktemp("public")
    model = models.create("mc3_18", 2, width=1 / 32)
    init = jax.jit(lambda key, clip: model.init(key, clip, train=False))
    variables = Variables(**init(jax.random.key(3), np.zeros((1, 4, 24, 24, 3), np.float32)))
    state = to_torch(variables, "fc")
    assert state["layer1.0.conv1.0.weight"].shape == (2, 2, 3, 3, 3)
    np.savez(folder / "mc3.npz", **state)
    flags = ["--model=mc3_18", "--width=0.03125", "--frames=4", "--size=24"]
    main([*flags, f"--checkpoint={folder / 'mc3.npz'}", f"--out={folder / 'mc3'}"])
    return folder / "mc3"


@pytest.fixture(scope="module")
def converted(public):
    """Returns the converted network as a function of clips in [-1, 1]."""
    card, variables = weights.load(public)
    model = models.create(card.model, 2, width=card.width, normalisation=TORCHVISION_VIDEO)
    return jax.jit(lambda clip: model.apply(variables.as_dict(), clip, train=False)["logits"])


def assert_says_the_same(predict, variables, batch, converted):
    said = predict(variables, batch)["logits"]
    expected = converted(augment.normalise(batch["clip"][:, 0]))
    np.testing.assert_allclose(said, expected, rtol=1e-3, atol=1e-4)


def test_teaches_with_its_own_normalisation(public, converted, small_config):
    config = small_config(
        method__name="distillation",
        data__stride=1,  # the teacher's stride, so that both get the same frames
        teachers__runs=(str(public),),
    )
    run = build(config)
    assert run.student.model.normalisation == TY
    (ask,), (teacher,) = run.ask["frozen"], run.teachers.first["frozen"]
    assert_says_the_same(ask, teacher, next(run.train_batches), converted)


def test_starts_a_run_that_keeps_its_normalisation(public, converted, small_config):
    config = small_config(model__name="mc3_18", model__init_from=str(public))
    run = build(config)
    variables = beginning.from_weights(run, run.initial_state()).variables
    assert_says_the_same(run.predictor(), variables, next(run.train_batches), converted)
    assert run.card.normalisation == TORCHVISION_VIDEO
