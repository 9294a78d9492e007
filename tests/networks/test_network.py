"""What a network sees of a batch's clips."""

import jax
import numpy as np
import pytest

from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Network


@pytest.mark.parametrize(
    ("frames", "gathers"),
    [((0, 1, 2), False), ((1, 3, 5), False), ((4,), False), ((0, 3, 4), True), ((2, 2, 2), True)],
)
def test_frames_are_chosen_by_a_slice_where_they_are_evenly_apart(frames, gathers):
    network = Network(models.create("ty_r3d_18", 2, width=1 / 32), frames=frames)
    clip = np.random.default_rng(0).uniform(size=(2, 1, 6, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(network.see({"clip": clip}), clip[:, 0, list(frames)])
    assert ("gather" in str(jax.make_jaxpr(lambda c: network.see({"clip": c}))(clip))) == gathers


@pytest.mark.parametrize("clips", [(1,), (0, 2), (2, 0)])
def test_clips_are_chosen(clips):
    network = Network(models.create("ty_r3d_18", 2, width=1 / 32), clips=clips)
    clip = np.random.default_rng(0).uniform(size=(2, 3, 4, 8, 8, 3)).astype(np.float32)
    found = network.see({"clip": clip})
    np.testing.assert_array_equal(
        found, clip[:, list(clips)].squeeze() if len(clips) == 1 else clip[:, list(clips)]
    )


def test_a_backbone_that_another_program_has_registered_is_named():
    card = Card("mine", 1.0, 3, 2, 16, models.Normalisation())
    with pytest.raises(InputError, match="'mine' is not known here: run this from Python, where"):
        weights.network_of(card)
