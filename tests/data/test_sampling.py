import numpy as np
import pytest

from vidkd_jax.data import sampling


def test_every_start_whose_clip_lies_inside_occurs():
    rng = np.random.default_rng(0)
    shares = rng.random(2000).tolist()
    starts = [sampling.start_at(share, 20, frames=16, stride=1) for share in shares]
    assert np.bincount(starts).min() > 300 and set(starts) == {0, 1, 2, 3, 4}
    starts = [sampling.start_at(share, 16, frames=8, stride=2) for share in shares]
    assert set(starts) == {0, 1}
    assert sampling.start_at(0.999, 3, frames=6, stride=1) == 0


def test_short_video_repeats_its_last_frame():
    assert sampling.frames_at(0, range(6), 3).tolist() == [0, 1, 2, 2, 2, 2]


def test_frames_before_the_video_are_its_first():
    assert sampling.frames_at(1, (-3, -1, 0, 2), 9).tolist() == [0, 0, 1, 3]


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [(1, [0]), (15, [0]), (16, [0]), (30, [0]), (31, [0, 16]), (50, [0, 16, 32])],
)
def test_grid_has_all_whole_windows_and_at_least_one(num_frames, expected):
    assert sampling.grid_starts(num_frames, frames=8, stride=2, max_clips=30) == expected


def test_grid_is_thinned_evenly_to_max_clips():
    starts = sampling.grid_starts(160, frames=16, stride=1, max_clips=4)
    assert starts == [0, 48, 96, 144]
    assert sampling.grid_starts(160, frames=16, stride=1, max_clips=1) == [80]
    assert sampling.grid_starts(7, frames=16, stride=1, max_clips=1) == [0]


def test_centre_clip_is_in_the_middle():
    assert sampling.centre_start(40, frames=8, stride=2) == 12  # frames 12..26 of 0..39
    assert sampling.centre_start(5, frames=8, stride=2) == 0


def test_still_repeats_the_middle_frame():
    assert sampling.still(np.array([3, 5, 7, 9])).tolist() == [7, 7, 7, 7]


def test_crops():
    rng = np.random.default_rng(0)
    corners = {sampling.crop_at(*rng.random(2).tolist(), 10, 9, 8) for _ in range(100)}
    assert corners == {(top, left) for top in range(3) for left in range(2)}
    assert sampling.centre_crop(10, 14, 8) == (1, 3)
