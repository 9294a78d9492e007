"""The transforms of PCL's pretext task: values, exact inverses, and what is drawn how often."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax.augment import pretext
from vidkd_jax.errors import InputError

CLIP = np.random.default_rng(3).normal(size=(8, 6, 6, 3)).astype(np.float32)


@pytest.mark.parametrize("turns", range(-1, 6))
def test_rotation_equals_numpy_and_turns_back(turns):
    rotated = pretext.rotate(jnp.asarray(CLIP), turns)
    np.testing.assert_array_equal(rotated, np.rot90(CLIP, turns, (1, 2)))
    np.testing.assert_array_equal(pretext.rotate(rotated, -turns), CLIP)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_quadrants_go_where_the_order_says_and_back(order):
    moved = pretext.permute_quadrants(jnp.asarray(CLIP), jnp.array(order))
    places = [(slice(None), slice(r, r + 3), slice(c, c + 3)) for r in (0, 3) for c in (0, 3)]
    for place, quadrant in enumerate(order):
        np.testing.assert_array_equal(moved[places[place]], CLIP[places[quadrant]])
    back = pretext.permute_quadrants(moved, jnp.asarray(np.argsort(order)))
    np.testing.assert_array_equal(back, CLIP)


def test_segments_are_swapped_and_swapped_back():
    assert pretext.segment_swaps(8, "adjacent").tolist() == [
        [2, 3, 0, 1, 4, 5, 6, 7],
        [0, 1, 4, 5, 2, 3, 6, 7],
        [0, 1, 2, 3, 6, 7, 4, 5],
    ]
    # The paper's clips have 10 frames: segments of 3, 3, 2 and 2.
    assert pretext.segment_swaps(10, "adjacent")[1].tolist() == [0, 1, 2, 6, 7, 3, 4, 5, 8, 9]
    for frames in (4, 8, 10, 16):
        every = pretext.segment_swaps(frames, "any")
        assert len({tuple(order) for order in every.tolist()}) == 6
        assert (np.sort(every, axis=1) == np.arange(frames)).all()
        for order in every if frames % 4 == 0 else ():
            np.testing.assert_array_equal(order[order], np.arange(frames))


def test_the_fourth_segment_takes_the_place_of_the_second():
    assert pretext.repeated_segment(8).tolist() == [0, 1, 6, 7, 4, 5, 6, 7]
    assert pretext.repeated_segment(10).tolist() == [0, 1, 2, 8, 9, 9, 6, 7, 8, 9]


def transformed(label, options, keys, remote=None):
    """Returns the clip after a transform, for each of many keys."""
    apply = jax.vmap(lambda key: options.transform(jnp.asarray(CLIP), label, key, remote))
    return np.asarray(apply(jax.random.split(jax.random.key(1), keys)))


def share_of(found, expected):
    """Returns how often each expected clip was found; every found one must be among them."""
    same = np.array([[np.array_equal(f, e) for e in expected] for f in found])
    assert (same.sum(axis=1) == 1).all()
    return same.mean(axis=0)


SWAPPED = {kind: [CLIP[o] for o in pretext.segment_swaps(8, kind)] for kind in pretext.SEGMENTS}


@pytest.mark.parametrize(
    ("label", "options", "expected"),
    [
        (0, pretext.Pretext(), [CLIP]),
        (1, pretext.Pretext(), [np.rot90(CLIP, k, (1, 2)) for k in (1, 2, 3)]),
        (2, pretext.Pretext(quadrants="fixed"), [np.roll(CLIP, (3, 3), (1, 2))]),
        (3, pretext.Pretext(), SWAPPED["adjacent"]),
        (3, pretext.Pretext(segments="any"), SWAPPED["any"]),
        (4, pretext.Pretext(), [CLIP[pretext.repeated_segment(8)]]),
    ],
)
def test_each_transform_is_drawn_evenly_from_its_own_kind_alone(label, options, expected):
    shares = share_of(transformed(label, options, 600), expected)
    np.testing.assert_allclose(shares, 1 / len(expected), atol=0.07)


def test_quadrants_are_never_left_as_they_are():
    found = transformed(2, pretext.Pretext(), 800)
    assert len(np.unique(found.reshape(800, -1), axis=0)) == 23
    assert not any(np.array_equal(each, CLIP) for each in found)


def test_a_remote_clip_takes_the_place_of_the_fifth_only():
    remote = jnp.asarray(CLIP) + 1
    options = pretext.Pretext(fifth="remote")
    np.testing.assert_array_equal(transformed(4, options, 2, remote)[0], CLIP + 1)
    np.testing.assert_array_equal(transformed(0, options, 2, remote)[0], CLIP)


@pytest.mark.parametrize("shape", [(8, 6, 8, 3), (8, 7, 7, 3), (3, 6, 6, 3)])
def test_clips_that_cannot_be_divided_are_refused(shape):
    with pytest.raises(InputError, match=r"even crop and at least 4 frames"):
        pretext.Pretext().transform(jnp.zeros(shape), 0, jax.random.key(0), None)


def test_labels_are_balanced_over_what_is_possible():
    possible = np.ones((4000, 5), bool)
    possible[2000:, 4] = False
    labels = np.asarray(pretext.draw_labels(jax.random.key(0), jnp.asarray(possible)))
    for part, count in ((labels[:2000], 5), (labels[2000:], 4)):
        shares = np.bincount(part, minlength=5) / len(part)
        np.testing.assert_allclose(shares[:count], 1 / count, atol=0.03)
        assert not shares[count:].any()
