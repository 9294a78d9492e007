"""The operators against OpenCV, SciPy, Pillow, colorsys and hand-made values."""

import colorsys

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import ndimage

from vidkd_jax import augment

RNG = np.random.default_rng(0)
CLIP = RNG.uniform(-1, 1, (3, 12, 10, 3)).astype(np.float32)

# Each operator with one parameter that could be drawn, and with its identity parameter.
OPERATORS = {
    "flip": (augment.flip, (True,), (False,)),
    "contrast": (augment.adjust_contrast, (1.3,), (1.0,)),
    "brightness": (augment.adjust_brightness, (0.2,), (0.0,)),
    "hue": (augment.adjust_hue, (0.1,), (0.0,)),
    "blur": (augment.gaussian_blur, (1.5,), (0.0,)),
    "jitter": (augment.jitter, (1.3, 0.7, 1.4, 0.05), (1.0, 1.0, 1.0, 0.0)),
    "grey": (augment.to_grey, (True,), (False,)),
    "channel_split": (augment.split_channels, (0, 2), (1, 1)),
    "noise": (
        augment.add_noise,
        (RNG.normal(size=(12, 10, 3)).astype(np.float32),),
        (np.zeros((12, 10, 3), np.float32),),
    ),
}


def rotate_hue_with_colorsys(clip, turns):
    """Rotates the hue of a clip in [-1, 1] with colorsys, pixel by pixel."""

    def rotate(pixel):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)

    pixels = (clip.reshape(-1, 3).astype(np.float64) + 1) / 2
    return np.array([rotate(pixel) for pixel in pixels]).reshape(clip.shape) * 2 - 1


@pytest.mark.parametrize("name", OPERATORS)
def test_identity_parameter_changes_no_bit(name):
    operator, drawn, identity = OPERATORS[name]
    np.testing.assert_array_equal(operator(jnp.array(CLIP), *identity), CLIP)
    assert np.abs(operator(jnp.array(CLIP), *drawn) - CLIP).max() > 0.1


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_jitted_equals_eager_and_keeps_the_dtype(name, dtype):
    operator, drawn, _ = OPERATORS[name]
    clip = jnp.array(CLIP, dtype)
    eager, jitted = operator(clip, *drawn), jax.jit(operator)(clip, *drawn)
    assert eager.dtype == jitted.dtype == dtype
    assert eager.shape == clip.shape
    # Fused arithmetic may round differently by some units in the last place of the dtype.
    tolerance = 16 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(
        eager.astype(jnp.float32), jitted.astype(jnp.float32), atol=tolerance
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_every_frame_gets_the_same_transform(name):
    operator, drawn, _ = OPERATORS[name]
    whole = operator(jnp.array(CLIP), *drawn)
    for t in range(len(CLIP)):
        alone = operator(jnp.array(CLIP[t : t + 1]), *drawn)
        np.testing.assert_allclose(whole[t], alone[0], atol=1e-6)


def test_flip_mirrors_left_and_right_only():
    np.testing.assert_array_equal(augment.flip(jnp.array(CLIP), True), np.flip(CLIP, axis=2))


def test_contrast_and_brightness_are_a_scale_and_a_shift():
    np.testing.assert_array_equal(augment.adjust_contrast(jnp.array(CLIP), 0.5), CLIP * 0.5)
    np.testing.assert_array_equal(augment.adjust_brightness(jnp.array(CLIP), -0.25), CLIP - 0.25)


@pytest.mark.parametrize("turns", [0.03, 0.1, 1 / 3, 0.5, 0.95, -0.2])
def test_hue_equals_colorsys(turns):
    result = augment.adjust_hue(jnp.array(CLIP), turns)
    np.testing.assert_allclose(result, rotate_hue_with_colorsys(CLIP, turns), atol=2e-6)


def test_hue_of_a_third_of_a_turn_takes_red_to_green_to_blue():
    primaries = jnp.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], jnp.float32)
    result = augment.adjust_hue(primaries[None, None], 1 / 3)[0, 0]
    np.testing.assert_allclose(result, jnp.roll(primaries, -1, axis=0), atol=1e-6)


@pytest.mark.parametrize("level", [-1.0, -0.3, 0.0, 1e-3, 0.7, 1.0])
def test_hue_leaves_grey_pixels_and_stays_finite_beside_them(level):
    grey = np.full((1, 2, 2, 3), level, np.float32)
    np.testing.assert_array_equal(augment.adjust_hue(jnp.array(grey), 0.07), grey)
    nearly = grey.copy()
    nearly[..., 1] = np.nextafter(np.float32(level), np.float32(2))
    np.testing.assert_allclose(augment.adjust_hue(jnp.array(nearly), 0.07), grey, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
def test_blur_equals_opencv_up_to_the_border(sigma):
    result = augment.gaussian_blur(jnp.array(CLIP), sigma)
    for frame, blurred in zip(CLIP, result, strict=True):
        expected = cv2.GaussianBlur(frame, (7, 7), sigma, borderType=cv2.BORDER_REPLICATE)
        np.testing.assert_allclose(blurred, expected, atol=1e-6)


def test_blur_of_another_size_equals_scipy():
    result = augment.gaussian_blur(jnp.array(CLIP), 0.8, size=5)
    expected = ndimage.gaussian_filter(CLIP, (0, 0.8, 0.8, 0), mode="nearest", radius=(0, 2, 2, 0))
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_blur_neither_darkens_the_border_nor_mixes_frames_and_channels():
    clip = np.broadcast_to(np.arange(6, dtype=np.float32).reshape(2, 1, 1, 3), (2, 9, 8, 3))
    np.testing.assert_allclose(augment.gaussian_blur(jnp.array(clip), 2.0), clip, rtol=1e-6)


def test_blur_takes_frames_smaller_than_its_window():
    clip = CLIP[:, :2, :1]
    result = augment.gaussian_blur(jnp.array(clip), 1.0)
    expected = cv2.GaussianBlur(clip[0], (7, 7), 1.0, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(result[0], expected, atol=1e-6)


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize("source", [0, 1, 2])
def test_channel_splitting_copies_one_channel_over_another(target, source):
    expected = CLIP.copy()
    expected[..., target] = CLIP[..., source]
    result = augment.split_channels(jnp.array(CLIP), target, source)
    np.testing.assert_array_equal(result, expected)


def test_noise_is_added_to_all_frames_or_frame_by_frame():
    noise = RNG.normal(size=CLIP.shape).astype(np.float32)
    np.testing.assert_array_equal(augment.add_noise(jnp.array(CLIP), noise[0]), CLIP + noise[0])
    np.testing.assert_array_equal(augment.add_noise(jnp.array(CLIP), noise), CLIP + noise)


@pytest.mark.parametrize("factor", [0.6, 1.4])
@pytest.mark.parametrize(
    ("place", "enhancer"),
    [*enumerate((ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color))],
)
def test_jitter_equals_pillow_up_to_rounding(place, enhancer, factor):
    """Torchvision's `ColorJitter` calls these for a Pillow image."""
    pixels = RNG.integers(0, 256, (2, 12, 10, 3)).astype(np.uint8)
    factors = [1.0, 1.0, 1.0, 0.0]
    factors[place] = factor
    found = augment.jitter(augment.normalise(jnp.asarray(pixels)), *factors)
    expected = [np.asarray(enhancer(Image.fromarray(frame)).enhance(factor)) for frame in pixels]
    np.testing.assert_allclose((np.asarray(found) + 1) * 127.5, expected, atol=1.6)


def test_jitter_turns_the_hue_last():
    bright = augment.jitter(jnp.asarray(CLIP), 1.2, 0.8, 1.3, 0.0)
    both = augment.jitter(jnp.asarray(CLIP), 1.2, 0.8, 1.3, 0.1)
    np.testing.assert_array_equal(both, augment.adjust_hue(bright, 0.1))


def test_grey_equals_pillow_up_to_rounding():
    pixels = RNG.integers(0, 256, (1, 12, 10, 3)).astype(np.uint8)
    found = (np.asarray(augment.to_grey(augment.normalise(jnp.asarray(pixels)), True)) + 1) * 127.5
    grey = np.asarray(Image.fromarray(pixels[0]).convert("L"))
    np.testing.assert_allclose(found[0], np.repeat(grey[..., None], 3, -1), atol=1.01)
