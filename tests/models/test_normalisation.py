"""Each network maps clips in [-1, 1] to the scale that its weights were trained with."""

import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax.models import Normalisation, Recogniser
from vidkd_jax.models.normalisation import ACTIVITYNET_BGR, MARS_FLOW, TORCHVISION_VIDEO, TY

PIXELS = np.array([[0, 127.5, 255]], np.float32)  # R, G, B
CLIP = PIXELS / 127.5 - 1


def test_the_default_leaves_the_clip_as_it_is():
    assert TY(CLIP) is CLIP


def test_torchvision_divides_by_its_deviation():
    expected = (PIXELS / 255 - [0.43216, 0.394666, 0.37645]) / [0.22803, 0.22145, 0.216989]
    np.testing.assert_allclose(TORCHVISION_VIDEO(CLIP), expected, rtol=1e-5)


def test_bgr_comes_first_and_the_mean_is_in_that_order():
    expected = PIXELS[:, ::-1] - [114.7748, 107.7354, 99.4750]
    np.testing.assert_allclose(ACTIVITYNET_BGR(CLIP), expected, rtol=1e-5)


def test_flow_has_two_channels_around_zero():
    assert MARS_FLOW.in_channels == 2
    np.testing.assert_allclose(MARS_FLOW(CLIP[:, :2]), [[-127.5, 0]])


@pytest.mark.parametrize("bad", [{"order": "rbg"}, {"std": (0.0,)}])
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Normalisation(**bad)


class _Mean(nn.Module):
    def __call__(self, clip, *, train):
        return clip.mean((1, 2, 3))


def test_a_recogniser_normalises_before_its_backbone():
    model = Recogniser(_Mean(), {}, normalisation=ACTIVITYNET_BGR)
    outputs = model.apply({}, CLIP[:, None, None, None], train=False)
    np.testing.assert_allclose(outputs["features"], ACTIVITYNET_BGR(CLIP), rtol=1e-6)


def test_clips_of_another_number_of_channels_are_refused():
    with pytest.raises(AssertionError):
        Recogniser(_Mean(), {}, in_channels=2).apply({}, CLIP[:, None, None, None], train=False)
