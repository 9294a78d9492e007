"""Compares clip samplers with frame numbers written by hand."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from vidkd_jax import samplers
from vidkd_jax.data.clips import centre_crop, crop_at
from vidkd_jax.errors import InputError
from vidkd_jax.samplers import Contiguous, Segments, Tuples, saved


def test_every_start_whose_clip_lies_inside_occurs():
    rng = np.random.default_rng(0)
    draws = rng.random(2000).tolist()
    starts = [Contiguous(16, 1).sample(20, [draw])[0, 0] for draw in draws]
    assert np.bincount(starts).min() > 300 and set(starts) == {0, 1, 2, 3, 4}
    assert {Contiguous(8, 2).sample(16, [draw])[0, 0] for draw in draws} == {0, 1}
    assert Contiguous(6, 1).sample(3, [0.999]).tolist() == [[0, 1, 2, 2, 2, 2]]


def test_frames_outside_the_video_are_its_first_and_its_last():
    assert samplers.frames_at(1, (-3, -1, 0, 2), 3).tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [(1, [0]), (15, [0]), (16, [0]), (30, [0]), (31, [0, 16]), (50, [0, 16, 32])],
)
def test_grid_has_all_whole_windows_and_at_least_one(num_frames, expected):
    assert Contiguous(8, 2).grid(num_frames, 30)[:, 0, 0].tolist() == expected


def test_grid_is_thinned_evenly_to_the_most_clips():
    clip = Contiguous(16, 1)
    assert clip.grid(160, 4)[:, 0, 0].tolist() == [0, 48, 96, 144]
    assert clip.grid(160, 1)[:, 0, 0].tolist() == [80]
    assert clip.grid(7, 1)[:, 0, 0].tolist() == [0]


def test_centre_clip_is_in_the_middle():
    assert Contiguous(8, 2).centre(40)[0, [0, -1]].tolist() == [12, 26]  # of frames 0..39
    assert Contiguous(8, 2).centre(41)[0, [0, -1]].tolist() == [13, 27]  # 13 are left on each side
    assert Contiguous(8, 2).centre(5)[0, 0] == 0


def test_a_clip_may_read_frames_around_its_own():
    wide = Contiguous(2, 2).reading((-1, 0, 2, 3))
    assert wide.sample(10, [0.5]).tolist() == [[3, 4, 6, 7]]
    assert wide.span == 3  # the start still depends only on its own frames


def test_a_tuple_is_clips_with_an_interval_between_two():
    """Like PCL's tuples: 3 clips of 10 frames with 8 frames between two clips, 46 in all."""
    pcl = Tuples(frames=10, stride=1, clips=3, interval=8)
    assert (pcl.span, pcl.num_clips, pcl.num_draws) == (46, 3, 1)
    found = pcl.sample(100, [0.0])
    assert found.shape == (3, 10)
    assert found[:, 0].tolist() == [0, 18, 36] and found[:, -1].tolist() == [9, 27, 45]
    assert pcl.sample(100, [0.9999])[-1, -1] == 99  # the last possible tuple
    assert pcl.sample(40, [0.7])[-1].tolist() == [36, 37, 38, *[39] * 7]  # too short: padded
    assert pcl.centre(50)[0, 0] == 2
    assert pcl.grid(100, 30)[:, 0, 0].tolist() == [0, 54]
    for num_frames, starts in ((40, [0]), (46, [0]), (59, [6]), (60, [0, 14]), (166, [0, 60, 120])):
        assert pcl.grid(num_frames, 30)[:, 0, 0].tolist() == starts
    assert pcl.grid(300, 2)[:, 0, 0].tolist() == [0, 254]
    np.testing.assert_array_equal(pcl.grid(100, 1)[0], pcl.centre(100))
    assert pcl.reading((0, 4)).sample(100, [0.0]).tolist() == [[0, 4], [18, 22], [36, 40]]


def test_clips_of_a_tuple_may_overlap():
    """PCL's released code starts clips of 16 frames 11 apart, though its interval is called 8."""
    released = Tuples(frames=16, stride=1, clips=3, interval=-5)
    assert released.span == 38
    assert released.sample(64, [0.0])[:, 0].tolist() == [0, 11, 22]


def test_a_remote_clip_keeps_its_distance_and_is_the_middle_one_where_there_is_no_room():
    sampler = Tuples(frames=4, stride=2, clips=3, interval=1, remote_gap=5)
    assert (sampler.span, sampler.num_clips, sampler.num_draws) == (23, 4, 2)
    rng, sides = np.random.default_rng(0), set()
    for _ in range(300):
        found = sampler.sample(60, rng.random(2).tolist())
        remote = found[3]
        before, after = found[0, 0] - remote[-1] - 1, remote[0] - found[2, -1] - 1
        assert max(before, after) >= 5
        sides.add(before > 0)
        np.testing.assert_array_equal(np.diff(remote), 2)
    assert sides == {True, False}
    # Tuples of 23 frames in 30: there are 7 frames left, and 5 + 7 would be needed.
    found = sampler.sample(30, [0.5, 0.5])
    np.testing.assert_array_equal(found[3], found[1])
    # In 35 frames the middle one of the tuples has no room on either side, and the last one has.
    assert sampler.centre(35)[3].tolist() != sampler.centre(35)[1].tolist()
    np.testing.assert_array_equal(sampler.centre(30)[3], sampler.centre(30)[1])
    assert sampler.centre(60)[0, 0] == (60 - 23) // 2
    assert sampler.centre(36)[0, 0] == 1  # 12 frames are needed: from 1 there are as many behind
    at_end = sampler.sample(35, [0.9999, 0.0])  # the tuple is 12..34, and 0..6 is far enough
    assert at_end[0, 0] == 12 and at_end[3].tolist() == [0, 2, 4, 6]


def test_segments_take_a_random_frame_of_each_part():
    tsn = Segments(segments=4)
    rng = np.random.default_rng(0)
    found = np.stack([tsn.sample(40, rng.random(4).tolist())[0] for _ in range(500)])
    for part in range(4):
        assert set(found[:, part].tolist()) == set(range(10 * part, 10 * part + 10))
    assert tsn.centre(40).tolist() == [[5, 15, 25, 35]]
    assert tsn.sample(2, [0.9] * 4).tolist() == [[0, 0, 1, 1]]  # fewer frames than parts


def test_two_sequences_overlap_or_do_not():
    rng = np.random.default_rng(0)
    together, apart = Segments(4, 2), Segments(4, 2, overlap=False)
    assert (together.num_draws, apart.num_draws) == (8, 4)
    shared = [np.intersect1d(*together.sample(16, rng.random(8).tolist())) for _ in range(200)]
    assert any(map(len, shared))
    for _ in range(200):
        first, second = apart.sample(16, rng.random(4).tolist())
        assert not len(np.intersect1d(first, second))
        assert (first // 4 == second // 4).all()  # each part gives both a frame
    assert apart.sample(4, [0.5] * 4).tolist() == [[0, 1, 2, 3]] * 2  # one frame a part
    spread = Segments(2, 4, overlap=False)  # in parts of eight frames the next is two frames later
    assert spread.sample(16, [0.0, 0.7])[:, 0].tolist() == [0, 2, 4, 6]
    assert spread.sample(16, [0.0, 0.7])[:, 1].tolist() == [13, 15, 9, 11]


def test_an_image_is_any_frame_of_the_video():
    sampler, rng = Segments(4, sequences=2, images=True), np.random.default_rng(0)
    assert sampler.num_draws == 9
    found = np.stack([sampler.sample(40, rng.random(9).tolist()) for _ in range(2000)])
    assert (found[:, 1] == found[:, 1, :1]).all()
    assert set(found[:, 1, 0].tolist()) == set(range(40))
    for part in range(4):
        assert set(found[:, 0, part].tolist()) == set(range(10 * part, 10 * part + 10))


def test_segments_are_evaluated_on_sequences_that_differ():
    grid = Segments(4, sequences=2).grid(40, 3)
    assert grid.shape == (3, 2, 4)
    assert grid[:, 0, 0].tolist() == [1, 5, 8] and (grid[:, 0] == grid[:, 1]).all()
    assert len(Segments(4).grid(6, 30)) == 1  # the smallest part has one frame


@pytest.mark.parametrize(
    "sampler",
    [
        Contiguous(4, 2),
        Tuples(4, 2, 3, 5),
        Tuples(4, 2, 3, 5, remote_gap=3),
        Segments(4),
        Segments(4, 3, overlap=False),
    ],
)
@pytest.mark.parametrize("num_frames", [1, 3, 7, 50])
def test_every_sampler_stays_inside_the_video_and_keeps_its_shape(sampler, num_frames):
    rng = np.random.default_rng(1)
    shape = (sampler.num_clips, sampler.centre(num_frames).shape[1])
    for _ in range(20):
        found = sampler.sample(num_frames, rng.random(sampler.num_draws).tolist())
        assert found.shape == shape and found.dtype == np.int64
        assert found.min() >= 0 and found.max() < num_frames
        assert (np.diff(found, axis=1) >= 0).all()
    grid = sampler.grid(num_frames, 5)
    assert grid.shape[1:] == shape and 1 <= len(grid) <= 5
    assert grid.min() >= 0 and grid.max() < num_frames
    longer = sampler.sample(sampler.span, [0.5] * sampler.num_draws)
    assert len(np.unique(longer[0])) == shape[1]  # so long a video needs no repeated frame


def test_still_repeats_the_middle_frame():
    assert samplers.still((3, 5, 7, 9)) == (7,) * 4 and samplers.still(range(3)) == (1,) * 3


def test_crops():
    rng = np.random.default_rng(0)
    corners = {crop_at(*rng.random(2).tolist(), 10, 9, 8) for _ in range(100)}
    assert corners == {(top, left) for top in range(3) for left in range(2)}
    assert centre_crop(10, 14, 8) == (1, 3)


@pytest.mark.parametrize(
    "sampler", [Contiguous(4, 2), Tuples(4, 2, 3, 5, remote_gap=2), Segments(4, 2, False)]
)
def test_a_card_keeps_the_sampler(sampler):
    value = json.loads(json.dumps(samplers.as_json(sampler.reading((0, 1)))))
    assert samplers.from_json(value) == sampler


@dataclasses.dataclass(frozen=True)
class Backwards(Contiguous):
    """A sampler of one's own."""

    lengths: tuple[int, ...] = (1, 2)


def test_a_sampler_of_ones_own_is_registered_or_refused(monkeypatch):
    with pytest.raises(InputError, match=r"sampler Backwards could not .*samplers\.register"):
        samplers.as_json(Backwards(4, 2))
    with pytest.raises(InputError, match="the sampler Backwards, which is not known here"):
        samplers.from_json({"kind": "Backwards", "frames": 4, "stride": 2})
    monkeypatch.setattr(saved, "_KINDS", copy.copy(saved._KINDS))
    samplers.register(Backwards)
    found = samplers.from_json(json.loads(json.dumps(samplers.as_json(Backwards(4, 2)))))
    assert found == Backwards(4, 2) and hash(found) == hash(Backwards(4, 2))
    with pytest.raises(ValueError, match="sampler 'Contiguous' is one of ours"):
        samplers.register(Contiguous)


@pytest.mark.parametrize(
    ("student", "teacher", "start"),
    [
        ((0, 1, 2, 3), (0, 1, 2, 3), 0),
        ((0, 4, 8, 12), (0, 2), 5),  # 0..12 and 5..7
        ((0, 2), (0, 4, 8, 12), -5),
        ((0, 1), (0, 1, 2, 3), -1),
        ((0, 1, 2), (0, 1, 2, 3, 4, 5), -2),  # no common middle: the earlier of two starts
    ],
)
def test_clips_of_student_and_teacher_have_one_middle(student, teacher, start):
    assert samplers.start_beside(student, teacher) == start


def test_places_of_a_network_among_a_clips_frames():
    assert samplers.places((-2, 0, 2), (-2, -1, 0, 1, 2)) == (0, 2, 4)
    assert samplers.places((0, 2), (0, 2)) is None


def test_the_remote_clip_has_a_draw_of_its_own():
    sampler = Tuples(frames=4, stride=2, clips=3, interval=1, remote_gap=5)
    first, last = (sampler.sample(120, [0.5, draw]) for draw in (0.0, 0.999))
    np.testing.assert_array_equal(first[:3], last[:3])
    assert first[3, 0] == 0 and last[3, -1] == 119
