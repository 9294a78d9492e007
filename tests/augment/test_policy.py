"""Draws and their application: frequencies, ranges, independence, consistency over time, order."""

import dataclasses
import itertools
import os
import subprocess
import sys

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from vidkd_jax import augment
from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError

RNG = np.random.default_rng(0)
CLIPS = RNG.uniform(-1, 1, (6, 4, 12, 10, 3)).astype(np.float32)
NAMES = ("flip", "contrast", "brightness", "hue", "blur", "channel_split", "noise")
ALWAYS = Augment(**dict.fromkeys(NAMES, 1.0))
KEY = jax.random.key(0)
NUM_DRAWS = 4000


def apply(config, key, clips):
    return np.asarray(jax.jit(augment.apply, static_argnums=0)(config, key, jnp.array(clips)))


def only(name, probability=1.0, **changes):
    return dataclasses.replace(Augment.none(), **{name: probability}, **changes)


def draws(config):
    keys = jax.random.split(jax.random.key(7), NUM_DRAWS)
    drawn = jax.vmap(lambda key: augment.draw(config, key))(keys)
    return augment.Draw(*map(np.asarray, drawn))


def is_drawn(drawn):
    """Returns which operators are not the identity, bool [number of draws, 7]."""
    return np.stack(
        [
            drawn.mirrored,
            drawn.contrast != 1,
            drawn.brightness != 0,
            drawn.hue != 0,
            drawn.blur_sigma != 0,
            drawn.channel_source != drawn.channel_target,
            drawn.noise_std != 0,
        ],
        axis=1,
    )


def test_defaults_are_those_of_the_paper_and_its_code():
    assert dataclasses.asdict(Augment()) == {
        **dict.fromkeys(NAMES, 0.5),
        "contrast_range": (0.5, 1.5),
        "brightness_range": (-0.5, 0.5),
        "hue_range": (0.0, 0.1),
        "blur_sigma_range": (0.1, 2.0),
        "blur_size": 7,
        "noise_std": 0.1,
        "noise_per_frame": False,
        "per_frame": False,
        "inversion": 0.0,
        "jitter": 0.0,
        "jitter_strength": (0.4, 0.4, 0.4, 0.1),
        "grey": 0.0,
        "released_order": False,
    }


def test_the_released_code_draws_contrast_and_brightness_together():
    drawn = draws(Augment(released_order=True, inversion=0.2))
    assert np.array_equal(drawn.contrast != 1, drawn.brightness != 0)
    lowest, highest = stats.binom.interval(1 - 1e-5, NUM_DRAWS, 0.2)
    assert lowest <= drawn.inverted.sum() <= highest
    # All other draws are the same as in the paper's order with the same key.
    assert np.array_equal(drawn.hue, draws(Augment()).hue)


def test_inversion_is_the_negative():
    np.testing.assert_array_equal(apply(only("inversion"), KEY, CLIPS), -CLIPS)


def test_the_released_order_splits_channels_before_it_blurs_and_turns_the_hue_last():
    config = dataclasses.replace(
        only("channel_split"), hue=1.0, hue_range=(0.1, 0.1), released_order=True
    )
    key = jax.random.split(KEY, len(CLIPS))[0]
    drawn = augment.draw(config, jax.random.split(key)[0])
    split = augment.split_channels(CLIPS[0], drawn.channel_target, drawn.channel_source)
    expected = augment.adjust_hue(split, drawn.hue)
    np.testing.assert_allclose(apply(config, KEY, CLIPS)[0], expected, atol=1e-5)
    paper = dataclasses.replace(config, released_order=False)
    assert np.abs(apply(paper, KEY, CLIPS)[0] - expected).max() > 1e-2


@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_each_operator_is_drawn_as_often_as_its_probability_says(probability):
    config = Augment(**dict.fromkeys(NAMES, probability))
    counts = is_drawn(draws(config)).sum(axis=0)
    lowest, highest = stats.binom.interval(1 - 1e-5, NUM_DRAWS, probability)
    assert np.all((counts >= lowest) & (counts <= highest)), counts


def test_operators_are_drawn_independently_of_each_other():
    correlation = np.corrcoef(is_drawn(draws(Augment())), rowvar=False) - np.eye(len(NAMES))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(NUM_DRAWS)


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("contrast", 0.5, 1.5),
        ("brightness", -0.5, 0.5),
        ("hue", 0.0, 0.1),
        ("blur_sigma", 0.1, 2.0),
    ],
)
def test_parameters_are_uniform_over_their_range(field, low, high):
    values = getattr(draws(ALWAYS), field)
    assert values.min() >= low
    assert values.max() <= high
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_the_six_channel_replacements_are_equally_likely():
    drawn = draws(ALWAYS)
    pairs, counts = np.unique(
        np.stack([drawn.channel_target, drawn.channel_source]), axis=1, return_counts=True
    )
    assert pairs.T.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert stats.chisquare(counts).pvalue > 1e-4


def test_none_is_the_identity_and_costs_nothing():
    clips = jnp.array(CLIPS)
    jaxpr = jax.make_jaxpr(lambda clips: augment.apply(Augment.none(), KEY, clips))(clips)
    assert not jaxpr.eqns
    np.testing.assert_array_equal(apply(Augment.none(), KEY, CLIPS), CLIPS)


def test_clips_for_which_nothing_is_drawn_keep_every_bit():
    seldom = Augment(**dict.fromkeys(NAMES, 1e-12))
    np.testing.assert_array_equal(apply(seldom, KEY, CLIPS), CLIPS)


def test_each_frame_is_transformed_as_if_it_were_alone():
    whole = apply(ALWAYS, KEY, CLIPS)
    for t in range(CLIPS.shape[1]):
        alone = apply(ALWAYS, KEY, CLIPS[:, t : t + 1])
        np.testing.assert_allclose(whole[:, t : t + 1], alone, atol=1e-5)


def test_equal_frames_stay_equal():
    still = np.broadcast_to(CLIPS[:, :1], CLIPS.shape)
    result = apply(ALWAYS, KEY, still)
    np.testing.assert_array_equal(result, np.broadcast_to(result[:, :1], result.shape))


def test_noise_per_frame_differs_between_frames():
    grey = np.zeros_like(CLIPS)
    result = apply(only("noise", noise_per_frame=True), KEY, grey)
    frames = result[0].reshape(CLIPS.shape[1], -1)
    correlation = np.corrcoef(frames) - np.eye(len(frames))
    assert np.abs(correlation).max() < 5 / np.sqrt(frames.shape[1])


def test_clips_are_transformed_independently_of_each_other():
    same = np.broadcast_to(CLIPS[:1], CLIPS.shape)
    results = apply(ALWAYS, KEY, same)
    for i, j in itertools.combinations(range(len(CLIPS)), 2):
        assert np.abs(results[i] - results[j]).mean() > 0.05


def test_each_clip_of_a_batch_has_its_own_chance():
    same = np.broadcast_to(CLIPS[:1], (200, *CLIPS.shape[1:]))
    mirrored = apply(only("flip", 0.5), KEY, same)
    count = np.sum(np.any(mirrored != same, axis=(1, 2, 3, 4)))
    lowest, highest = stats.binom.interval(1 - 1e-5, len(same), 0.5)
    assert lowest <= count <= highest


def test_noise_of_a_batch_is_normal_and_uncorrelated_between_clips():
    grey = np.zeros((4, 1, 32, 32, 3), np.float32)
    noise = apply(only("noise"), KEY, grey).reshape(4, -1)
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.1).cdf).pvalue > 1e-4
    correlation = np.corrcoef(noise) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(noise.shape[1])


def test_same_key_same_result_other_key_other_result():
    result = apply(ALWAYS, KEY, CLIPS)
    np.testing.assert_array_equal(result, apply(ALWAYS, KEY, CLIPS))
    assert np.abs(result - apply(ALWAYS, jax.random.key(1), CLIPS)).mean() > 0.05


def test_jitted_draws_equal_eager_ones():
    eager, jitted = augment.draw(Augment(), KEY), jax.jit(augment.draw, static_argnums=0)
    for one, other in zip(eager, jitted(Augment(), KEY), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_operators_are_applied_in_the_order_of_the_paper():
    # Ranges of one point fix all parameters except noise and channels. The result shows the order:
    # the bright clip saturates between contrast and hue, and this does not commute with hue.
    config = Augment(
        **{**dict.fromkeys(NAMES, 1.0), "noise": 0.0},
        contrast_range=(1.4, 1.4),
        brightness_range=(0.3, 0.3),
        hue_range=(0.1, 0.1),
        blur_sigma_range=(1.2, 1.2),
    )
    clip = jnp.clip(jnp.flip(CLIPS[0], axis=2) * 1.4 + 0.3, -1, 1)
    frames = np.asarray(augment.adjust_hue(clip, 0.1))
    blurred = np.stack(
        [cv2.GaussianBlur(f, (7, 7), 1.2, borderType=cv2.BORDER_REPLICATE) for f in frames]
    )
    pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    candidates = [augment.split_channels(jnp.array(blurred), *pair) for pair in pairs]
    result = apply(config, KEY, CLIPS[:1])[0]
    assert min(np.abs(result - candidate).max() for candidate in candidates) < 1e-5


def test_noise_comes_last_and_the_result_is_clipped():
    config = only("noise", blur=1.0, blur_sigma_range=(2.0, 2.0))
    bright = apply(config, KEY, np.ones_like(CLIPS))
    assert bright.max() == 1.0
    assert np.mean(bright == 1.0) == pytest.approx(0.5, abs=0.1)
    # Noise added before the blur would have lost most of its standard deviation.
    assert apply(config, KEY, np.zeros_like(CLIPS)).std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("released_order", [False, True])
def test_noise_comes_after_the_channels_are_split(released_order):
    """Else the channel that replaces another would have its very noise."""
    config = only("noise", channel_split=1.0, released_order=released_order)
    noisy = apply(config, KEY, np.zeros_like(CLIPS))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(noisy[..., one] - noisy[..., other]).max(axis=(1, 2, 3)) > 0.1).all()


def test_the_released_order_turns_the_hue_of_noisy_pixels():
    config = only("noise", hue=1.0, hue_range=(0.1, 0.1))
    released = dataclasses.replace(config, released_order=True)
    clip = RNG.uniform(-0.3, 0.3, CLIPS.shape).astype(np.float32)  # which noise does not clip
    before, after = apply(config, KEY, clip), apply(released, KEY, clip)
    noise = before - np.stack([np.asarray(augment.adjust_hue(c, 0.1)) for c in jnp.asarray(clip)])
    turned = np.stack([np.asarray(augment.adjust_hue(c, 0.1)) for c in jnp.asarray(clip + noise)])
    np.testing.assert_allclose(after, turned, atol=1e-4)
    assert np.abs(before - after).max() > 1e-2


def test_results_stay_in_range_and_finite_at_extreme_pixels():
    extreme = np.where(RNG.uniform(size=CLIPS.shape) < 0.5, -1.0, 1.0).astype(np.float32)
    for clips in (extreme, np.ones_like(CLIPS), -np.ones_like(CLIPS), np.zeros_like(CLIPS)):
        result = apply(ALWAYS, KEY, clips)
        assert np.all(np.abs(result) <= 1.0)  # false for NaN


@pytest.mark.parametrize(
    ("name", "end"), [("contrast_range", (1.5, 1.5)), ("brightness_range", (0.5, 0.5))]
)
def test_contrast_and_brightness_stay_in_range_each_alone(name, end):
    result = apply(only(name.removesuffix("_range"), **{name: end}), KEY, CLIPS)
    assert result.max() == 1.0 and result.min() >= -1.0


def test_a_blur_has_as_many_taps_as_said():
    config = only("blur", blur_size=3, blur_sigma_range=(2.0, 2.0))
    expected = augment.gaussian_blur(jnp.asarray(CLIPS[0]), 2.0, size=3)
    np.testing.assert_allclose(apply(config, KEY, CLIPS)[0], expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtype_is_kept(dtype):
    clips = jax.ShapeDtypeStruct(CLIPS.shape, dtype)
    result = jax.eval_shape(lambda clips: augment.apply(ALWAYS, KEY, clips), clips)
    assert (result.shape, result.dtype) == (CLIPS.shape, dtype)


def test_normalise_maps_bytes_to_the_unit_range():
    clip = jnp.array([0, 51, 255], jnp.uint8)
    np.testing.assert_allclose(augment.normalise(clip), [-1.0, -0.6, 1.0], atol=1e-6)
    assert augment.normalise(clip).dtype == jnp.float32
    with pytest.raises(AssertionError):
        augment.normalise(clip.astype(jnp.float32))


@pytest.mark.parametrize("clips", [CLIPS[0], CLIPS[..., :1], np.zeros(CLIPS.shape, np.uint8)])
def test_clips_of_another_layout_or_type_are_refused(clips):
    with pytest.raises(AssertionError):
        augment.apply(Augment(), KEY, jnp.array(clips))


@pytest.mark.parametrize(
    "changes",
    [
        {"flip": 1.5},
        {"noise": -0.1},
        {"contrast_range": (1.5, 0.5)},
        {"hue_range": (0.1,)},
        {"brightness_range": ("dark", "light")},
        {"blur_sigma_range": (-1.0, 2.0)},
        {"blur_size": 6},
        {"noise_std": -0.1},
        {"jitter": 1.1},
        {"grey": -0.1},
        {"brightness": 0.0, "released_order": True},
        {"brightness": 1.0, "contrast": 0.0, "released_order": True},
        {"jitter_strength": (0.4, 0.4, 0.4)},
        {"jitter_strength": (0.4, 0.4, 0.4, 0.6)},
        {"jitter_strength": (1.1, 0.4, 0.4, 0.1)},
        {"jitter_strength": (0.4, -0.1, 0.4, 0.1)},
    ],
)
def test_impossible_settings_name_the_field(changes):
    with pytest.raises(InputError, match=f"config.augment.{next(iter(changes))}: "):
        Augment(**changes)


def test_by_frame_each_frame_is_a_clip_of_its_own():
    still = np.broadcast_to(CLIPS[:, :1], CLIPS.shape)
    by_clip = apply(ALWAYS, KEY, still)
    assert (by_clip == by_clip[:, :1]).all()
    by_frame = apply(dataclasses.replace(ALWAYS, per_frame=True), KEY, still)
    frames = apply(ALWAYS, KEY, still.reshape(-1, 1, *still.shape[2:]))
    np.testing.assert_array_equal(by_frame.reshape(frames.shape), frames)
    for first, second in itertools.combinations(range(still.shape[1]), 2):
        assert (by_frame[:, first] != by_frame[:, second]).any(axis=(1, 2, 3)).all()


def test_by_frame_flow_is_mirrored_where_its_frame_is():
    config = only("flip", 0.5, per_frame=True)
    side = np.broadcast_to(np.linspace(-1, 1, 10, dtype=np.float32)[:, None], (6, 4, 12, 10, 1))
    rgb = apply(config, KEY, np.repeat(side, 3, axis=-1))
    flow = apply(config, KEY, np.concatenate([np.ones_like(side), side], axis=-1))
    mirrored = rgb[..., 0, 0, 0] > 0
    assert 0 < mirrored.mean() < 1
    np.testing.assert_array_equal(flow[..., 0, 0, 0], np.where(mirrored, -1, 1))
    np.testing.assert_array_equal(flow[..., 0, 0, 1] > 0, mirrored)


def test_jitter_and_grey_are_drawn_as_often_as_said_and_within_their_strength():
    config = dataclasses.replace(Augment.none(), jitter=0.8, grey=0.2)
    drawn = draws(config)
    changed = drawn.jitter != [1, 1, 1, 0]
    assert (changed.any(axis=1) == changed.all(axis=1)).all()  # together or not at all
    np.testing.assert_allclose(changed[:, 0].mean(), 0.8, atol=0.03)
    np.testing.assert_allclose(np.mean(drawn.grey), 0.2, atol=0.03)
    values = drawn.jitter[changed[:, 0]]
    np.testing.assert_allclose(values.min(axis=0), [0.6, 0.6, 0.6, -0.1], atol=0.01)
    np.testing.assert_allclose(values.max(axis=0), [1.4, 1.4, 1.4, 0.1], atol=0.01)
    assert abs(np.corrcoef(changed[:, 0], drawn.grey)[0, 1]) < 0.06


def test_inversion_jitter_and_grey_are_drawn_independently_of_all():
    drawn = draws(Augment(inversion=0.5, jitter=0.5, grey=0.5))
    others = np.stack([drawn.inverted, drawn.jitter[:, 0] != 1, drawn.grey], axis=1)
    correlation = np.corrcoef(np.concatenate([is_drawn(drawn), others], axis=1), rowvar=False)
    assert np.abs(correlation - np.eye(10)).max() < 4.5 / np.sqrt(NUM_DRAWS)


def test_jitter_and_grey_change_no_other_draw():
    key, both = jax.random.key(3), dataclasses.replace(Augment(), jitter=1.0, grey=1.0)
    before, after = (augment.draw(config, key)._asdict() for config in (Augment(), both))
    for name in before.keys() - {"jitter", "grey"}:
        np.testing.assert_array_equal(before[name], after[name])


def test_parameters_do_not_depend_on_which_operators_are_drawn():
    drawn, values = is_drawn(draws(Augment())), draws(ALWAYS)  # of the same keys
    ranges = np.stack([values.contrast, values.brightness, values.hue, values.blur_sigma], axis=1)
    together = np.corrcoef(np.concatenate([drawn, ranges], axis=1), rowvar=False)
    assert np.abs(together - np.eye(11)).max() < 4.5 / np.sqrt(NUM_DRAWS)


def test_each_of_several_clips_of_a_video_has_a_draw_of_its_own():
    each = apply(ALWAYS, KEY, CLIPS)
    of_videos = apply(ALWAYS, KEY, CLIPS.reshape(2, 3, *CLIPS.shape[1:]))
    np.testing.assert_array_equal(of_videos.reshape(each.shape), each)


def test_colours_are_jittered_before_a_clip_is_made_grey():
    config = only("jitter", grey=1.0)
    key_draw, _ = jax.random.split(jax.random.split(KEY, 1)[0])
    drawn = augment.draw(config, key_draw)
    expected = augment.to_grey(augment.jitter(jnp.asarray(CLIPS[0]), *drawn.jitter), True)
    np.testing.assert_allclose(apply(config, KEY, CLIPS[:1])[0], expected, atol=1e-5)


_COMPARED = """
import dataclasses, jax, numpy as np
from vidkd_jax import augment

pcl = dataclasses.replace(augment.Augment.none(), jitter=0.8, grey=0.2, blur=0.5)
pixels = np.random.default_rng(0).integers(0, 256, (6, 2, 24, 24, 3), np.uint8)
key = jax.random.key(3)
for config in (augment.Augment(), pcl):
    seen = lambda pixels: augment.apply(config, key, augment.normalise(jax.numpy.asarray(pixels)))
    print(np.abs(jax.jit(seen)(pixels) - seen(pixels)).max())
"""


def test_optimised_it_is_what_it_is_step_by_step():
    """A compiler may compute a colour twice, with other roundings: no choice may hang on them.

    The other tests compile without optimisation.
    """
    done = subprocess.run(
        [sys.executable, "-c", _COMPARED],
        env={**os.environ, "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    differences = [float(line) for line in done.stdout.split()]
    assert len(differences) == 2 and max(differences) < 2e-5
