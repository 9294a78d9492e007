import numpy as np
import pytest

from vidkd_jax.data import sampling


def test_random_clip_is_consecutive_and_every_start_occurs():
    rng = np.random.default_rng(0)
    clips = [sampling.random_clip(rng, 20, frames=16, stride=1) for _ in range(200)]
    assert all(np.array_equal(np.diff(clip), np.ones(15)) for clip in clips)
    assert {int(clip[0]) for clip in clips} == {0, 1, 2, 3, 4}


def test_stride_skips_frames_and_stays_inside():
    rng = np.random.default_rng(0)
    clips = [sampling.random_clip(rng, 16, frames=8, stride=2) for _ in range(50)]
    assert {int(clip[0]) for clip in clips} == {0, 1}
    assert max(int(clip[-1]) for clip in clips) == 15


def test_short_video_repeats_its_last_frame():
    rng = np.random.default_rng(0)
    clip = sampling.random_clip(rng, 3, frames=6, stride=1)
    assert clip.tolist() == [0, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [(1, [0]), (15, [0]), (16, [0]), (31, [0]), (32, [0, 16]), (50, [0, 16, 32])],
)
def test_grid_has_all_whole_windows_and_at_least_one(num_frames, expected):
    assert sampling.grid_starts(num_frames, frames=8, stride=2, max_clips=30) == expected


def test_grid_is_thinned_evenly_to_max_clips():
    starts = sampling.grid_starts(160, frames=16, stride=1, max_clips=4)
    assert starts == [0, 48, 96, 144]


def test_centre_clip_is_in_the_middle():
    assert sampling.centre_start(40, frames=8, stride=2) == 12  # frames 12..26 of 0..39
    assert sampling.centre_start(5, frames=8, stride=2) == 0


def test_still_repeats_the_middle_frame():
    assert sampling.still(np.array([3, 5, 7, 9])).tolist() == [7, 7, 7, 7]


def test_crops():
    rng = np.random.default_rng(0)
    corners = {sampling.random_crop(rng, 10, 9, 8) for _ in range(100)}
    assert corners == {(top, left) for top in range(3) for left in range(2)}
    assert sampling.centre_crop(10, 14, 8) == (1, 3)
