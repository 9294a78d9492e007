"""Flow of shifted and mirrored textures, and the error of storing it as JPEG."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidkd_jax.video import iter_frames
from vidkd_jax.video.flow import decode_flow, encode_flow, flow_fields, flow_method

REAL = Path(__file__).parents[3] / "shared/videos/v_SoccerJuggling_g23_c01.avi"
PIXELS = 40 / 255  # pixels per step of the stored bytes


@pytest.fixture(params=["dis", "tvl1"])
def method(request):
    if request.param == "tvl1":
        pytest.importorskip("skimage", reason="TV-L1 needs the extra 'flow'")
    return flow_method(request.param)


def texture(right, down, height=48, width=64):
    """A smooth random picture, moved by this many pixels."""
    noise = np.random.default_rng(0).normal(size=(height + 40, width + 40)).astype(np.float32)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    shift = np.float32([[1, 0, right - 20], [0, 1, down - 20]])
    moved = cv2.warpAffine(smooth, shift, (width, height), flags=cv2.INTER_CUBIC)
    return moved.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shift", [(3, 0), (-2, 1), (0.5, -1.5)])
def test_a_shifted_texture_has_the_flow_of_its_shift(method, shift):
    field = method(texture(0, 0), texture(*shift))
    assert field.shape == (48, 64, 2) and field.dtype == np.float32
    error = np.linalg.norm(field - shift, axis=-1)
    assert error[6:-6, 6:-6].mean() < 0.1 and error.mean() < 0.15


def test_the_flow_of_a_mirrored_video_is_the_mirrored_flow_with_its_horizontal_part_negated(method):
    first, second = texture(0, 0), texture(2, 1)
    field, mirrored = method(first, second), method(first[:, ::-1], second[:, ::-1])
    expected = field[:, ::-1] * [-1, 1]
    assert np.abs(mirrored - expected)[6:-6, 6:-6].mean() < 0.05
    assert np.abs(mirrored - field)[6:-6, 6:-6, 0].mean() > 3  # without the sign, they differ


def test_no_motion_and_no_texture_are_no_flow(method):
    black = np.zeros((24, 32), np.uint8)
    assert np.abs(method(black, black)).max() == 0
    assert np.abs(method(texture(0, 0), texture(0, 0))).max() < 1e-3


def test_as_many_fields_as_frames_and_the_last_one_twice():
    frames = [np.full((2, 3), value, np.uint8) for value in (1, 4, 9)]

    def difference(first, second):
        return np.full((2, 3, 2), float(second[0, 0]) - float(first[0, 0]), np.float32)

    fields = list(flow_fields(iter(frames), difference))
    assert [field[0, 0, 0] for field in fields] == [3, 5, 5]
    (only,) = flow_fields(frames[:1], difference)
    assert only.shape == (2, 3, 2) and not only.any()


def test_stored_values():
    """The stored value is (flow + 20) * 255 / 40, rounded and clipped at 20 pixels."""
    field = np.zeros((16, 24, 2), np.float32)
    for value, stored in [(0, 128), (10, 191), (-5, 96), (20, 255), (35, 255), (-35, 0)]:
        field[..., 0] = value
        decoded = decode_flow(encode_flow(field, quality=95))
        assert decoded.shape == (16, 24, 2) and decoded.dtype == np.uint8
        assert (decoded[..., 0] == stored).all() and (decoded[..., 1] == 128).all()


def test_the_components_do_not_mix_at_any_height():
    rows, columns = np.mgrid[:37, :43].astype(np.float32)  # the two halves share JPEG blocks
    field = np.stack([12 * np.sin(columns / 9), -6 * np.cos(rows / 7)], axis=-1)
    error = decode_flow(encode_flow(field, quality=95)) * PIXELS - 20 - field
    assert np.abs(error).mean() < 0.1 and np.abs(error).max() < 1


@pytest.mark.skipif(not REAL.exists(), reason="no real videos beside the repository")
def test_what_jpeg_costs_on_a_real_video():
    frames = itertools.islice(iter_frames(REAL, short_side=128), 9)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    fields = list(flow_fields(grey, flow_method("dis")))
    jpegs = [encode_flow(field, quality=95) for field in fields]
    decoded = [decode_flow(jpeg) * PIXELS - 20 for jpeg in jpegs]
    errors = np.abs(np.subtract(decoded, fields))
    assert errors.mean() < 0.07 and np.quantile(errors, 0.99) < 0.3 and errors.max() < 1
    assert np.mean([len(jpeg) for jpeg in jpegs]) < 4000
