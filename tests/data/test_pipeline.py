import dataclasses
import itertools
import multiprocessing

import numpy as np
import pytest

from vidkd_jax.data.clips import ClipSpec, Row, load_batch
from vidkd_jax.data.pipeline import EvalBatches, EvalClips, Process, Reading, TrainBatches
from vidkd_jax.data.splits import Subset
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.samplers import Contiguous, Segments, Tuples

SPEC = ClipSpec(Contiguous(frames=4, stride=1), crop=16)


def train_batches(subset, **options):
    options = {"batch_size": 4, "seed": 0, "reading": Reading(threads=2, prefetch=4), **options}
    return TrainBatches(subset, SPEC, **options)


def take(batches, count):
    return list(itertools.islice(batches, count))


def equal(a, b):
    return all(np.array_equal(x[name], y[name]) for x, y in zip(a, b, strict=True) for name in x)


def test_batch_contract(memory_subset):
    (batch,) = take(train_batches(memory_subset([10] * 8)), 1)
    assert batch["clip"].shape == (4, 1, 4, 16, 16, 3) and batch["clip"].dtype == np.uint8
    assert batch["label"].dtype == np.int32 and batch["video"].dtype == np.int32
    assert batch["mask"].all()
    first = batch["clip"][0, 0]
    assert (first[0, :, :, 0] // 16 == batch["video"][0]).all()  # pixels say which video
    assert np.array_equal(first[1:, 0, 0, 0], first[:-1, 0, 0, 0] + 1)  # and which frame
    assert np.ptp(first[0, :, :, 1]) == 15 and np.ptp(first[0, :, :, 2]) == 15  # a 16x16 window
    assert (first[:, 0, 0, 1:] == first[0, 0, 0, 1:]).all()  # the same window in all frames


def test_an_epoch_of_several_passes_shows_every_video_that_often(memory_subset):
    batches = train_batches(memory_subset([10] * 8), repeats=3)
    assert batches.per_epoch == 6
    videos = np.concatenate([batch["video"] for batch in take(batches, 6)])
    assert np.array_equal(np.bincount(videos), [3] * 8)
    passes = videos.reshape(3, 8)
    assert all(len(set(order)) == 8 for order in passes.tolist())
    assert not (passes[0] == passes[1]).all()  # each pass has its own order


def test_a_balanced_pass_shows_each_class_equally_often(memory_subset):
    """Fourteen videos, eight of one class, four of another, and two."""
    subset = memory_subset([9] * 14)
    labels = [0] * 8 + [1] * 4 + [2] * 2
    videos = [dataclasses.replace(v, label=n) for v, n in zip(subset.videos, labels, strict=True)]
    subset = dataclasses.replace(subset, videos=videos)
    first, second = (
        train_batches(subset, batch_size=6, balanced=True, seed=seed) for seed in (0, 1)
    )
    assert first.per_epoch == 4  # 24 videos
    passes = [np.concatenate([batch["video"] for batch in take(first, 4)]) for _ in range(2)]
    for shown in passes:
        counts = np.bincount(shown, minlength=14)
        assert counts[:8].tolist() == [1] * 8
        assert counts[8:12].tolist() == [2] * 4 and counts[12:].tolist() == [4] * 2
    assert passes[0].tolist() != passes[1].tolist() != take(second, 1)[0]["video"].tolist()
    videos = [
        dataclasses.replace(v, label=n) for v, n in zip(videos, [0] * 9 + [1] * 5, strict=True)
    ]
    odd = train_batches(dataclasses.replace(subset, videos=videos), batch_size=6, balanced=True)
    counts = np.bincount(np.concatenate([batch["video"] for batch in take(odd, 3)]), minlength=14)
    assert counts[:9].tolist() == [1] * 9  # 18 videos
    assert counts[9:].sum() == 9 and {*counts[9:].tolist()} == {1, 2}


def test_few_videos_pass_as_often_as_makes_an_epoch(memory_subset):
    assert train_batches(memory_subset([10] * 11), repeats=0).per_epoch == 64  # 32 passes of 2
    assert train_batches(memory_subset([10] * 100), repeats=0).per_epoch == 75  # 3 of 25
    assert train_batches(memory_subset([10] * 400), repeats=0).per_epoch == 100


def test_padding_is_not_read(memory_subset, monkeypatch):
    subset, read = memory_subset([10] * 5), []
    frames = subset.dataset.frames
    monkeypatch.setattr(
        subset.dataset,
        "frames",
        lambda video, numbers: read.append(video) or frames(video, numbers),
    )
    batches = EvalBatches(
        EvalClips(subset, SPEC, None), batch_size=4, reading=Reading(threads=1, prefetch=1)
    )
    *_, last = batches
    assert read == [0, 1, 2, 3, 4]
    assert last["mask"].tolist() == [True, False, False, False] and not last["clip"][1:].any()


def test_the_clips_of_a_video_in_a_batch_are_read_together(memory_subset, monkeypatch):
    subset, read = memory_subset([20, 9]), []
    reading, frames = Reading(threads=1, prefetch=1), subset.dataset.frames
    expected = [
        load_batch(subset, SPEC, [Row(video, frame)])["clip"][0]
        for video, length in enumerate([20, 9])
        for frame in SPEC.sampler.grid(length, None)
    ]
    monkeypatch.setattr(
        subset.dataset,
        "frames",
        lambda video, numbers: read.append((video, len(numbers))) or frames(video, numbers),
    )
    batches = list(EvalBatches(EvalClips(subset, SPEC, 0), batch_size=4, reading=reading))
    assert read == [(0, 16), (0, 4), (1, 8)]
    clips = np.concatenate([batch["clip"][batch["mask"]] for batch in batches])
    np.testing.assert_array_equal(clips, expected)


def test_frames_of_teachers_are_read_around_the_clip(memory_subset):
    spec = ClipSpec(Contiguous(frames=2, stride=2).reading((-1, 0, 2, 4)), crop=16)
    assert spec.sampler.offsets == (-1, 0, 2, 4)
    batches = TrainBatches(
        memory_subset([10] * 4), spec, batch_size=4, seed=0, reading=Reading(threads=1)
    )
    frames = next(batches)["clip"][:, 0, :, 0, 0, 0].astype(int) % 16
    start = frames[:, 1]
    assert start.min() >= 0 and start.max() <= 7  # the clip itself lies inside
    for offset, column in zip(spec.sampler.offsets, frames.T, strict=True):
        assert np.array_equal(column, np.clip(start + offset, 0, 9))


def test_windows_of_several_sizes_are_resized_to_one(memory_subset):
    spec = ClipSpec(Contiguous(frames=1, stride=1), crop=10, crop_sizes=(5, 10, 20))
    batches = TrainBatches(
        memory_subset([1] * 12), spec, batch_size=12, seed=0, reading=Reading(threads=1)
    )
    clips = np.concatenate([batch["clip"][:, 0] for batch in take(batches, 6)])
    rows = clips[:, 0, :, 0, 1].astype(int)  # each pixel's row in the video
    assert rows.shape == (72, 10)
    heights = rows[:, -1] - rows[:, 0]
    seen = {height: int((abs(heights - height) <= 1).sum()) for height in (4, 9, 18)}
    assert min(seen.values()) > 8 and sum(seen.values()) == 72


def test_an_epoch_shows_every_video_once_in_a_new_order_with_new_clips(memory_subset):
    batches = train_batches(memory_subset([10] * 12))
    first, second = take(batches, 3), take(batches, 3)
    order = [np.concatenate([b["video"] for b in epoch]) for epoch in (first, second)]
    assert sorted(order[0]) == sorted(order[1]) == list(range(12))
    assert not np.array_equal(*order)
    starts = [
        {
            int(v): int(c[0, 0, 0, 0, 0])
            for b in epoch
            for v, c in zip(b["video"], b["clip"], strict=True)
        }
        for epoch in (first, second)
    ]
    assert starts[0] != starts[1]


def test_same_seed_same_bits_at_any_number_of_threads(memory_subset):
    subset = memory_subset([10] * 12)
    one = take(train_batches(subset, reading=Reading(threads=1)), 5)
    four = take(train_batches(subset, reading=Reading(threads=4)), 5)
    assert equal(one, four)
    assert not equal(one, take(train_batches(subset, seed=1), 5))


def test_restored_iterator_goes_on_where_it_was(memory_subset):
    subset = memory_subset([10] * 12)
    batches = train_batches(subset)
    take(batches, 4)
    state = batches.iterator.get_state()
    expected = take(batches, 3)
    restored = train_batches(subset)
    restored.iterator.set_state(state)
    assert equal(expected, take(restored, 3))


def test_processes_share_each_global_batch(memory_subset):
    subset = memory_subset([10] * 12)
    whole = take(train_batches(subset), 3)
    halves = [take(train_batches(subset, process=Process(i, 2)), 3) for i in range(2)]
    for batch, *parts in zip(whole, *halves, strict=True):
        for name in batch:  # the same clips, whichever process reads them
            rows = np.empty_like(batch[name])
            rows[0::2], rows[1::2] = (part[name] for part in parts)
            assert np.array_equal(rows, batch[name])


def test_batch_larger_than_the_data_is_refused(memory_subset):
    with pytest.raises(InputError, match=r"train\.batch_size: 16 .*3 videos"):
        train_batches(memory_subset([10] * 3), batch_size=16)


def test_clip_longer_than_every_video_is_refused(memory_subset):
    spec = ClipSpec(Contiguous(frames=4, stride=3), crop=16)
    TrainBatches(memory_subset([9, 10]), spec, batch_size=2, seed=0, reading=Reading())
    with pytest.raises(InputError, match=r"data\.frames: 4 frames, 3 apart, span 10, .* has 9"):
        TrainBatches(memory_subset([9, 9]), spec, batch_size=2, seed=0, reading=Reading())


def test_worker_processes_read_the_same_batches(memory_subset):
    subset = memory_subset([10] * 8)
    threads = take(train_batches(subset), 3)
    assert equal(threads, take(train_batches(subset, reading=Reading(workers=1)), 3))


def test_workers_end_when_the_batches_are_closed(memory_subset):
    before = {*multiprocessing.active_children()}
    batches = train_batches(memory_subset([10] * 8), reading=Reading(workers=1))
    next(batches)
    workers = {*multiprocessing.active_children()} - before
    assert workers
    batches.close()
    for worker in workers:
        worker.join(timeout=20)
        assert not worker.is_alive()


def test_a_killed_worker_is_one_line(memory_subset):
    before = {*multiprocessing.active_children()}
    batches = train_batches(memory_subset([10] * 8), reading=Reading(workers=1))
    next(batches)
    (worker,) = {*multiprocessing.active_children()} - before
    worker.kill()
    with pytest.raises(RunError, match=r"^a process that reads videos was killed \(out of memory"):
        take(batches, 1000)  # more than it can have read ahead


def test_crop_larger_than_a_video_is_refused(memory_subset):
    subset = memory_subset([10] * 8, size=(12, 30))
    with pytest.raises(InputError, match=r"data\.crop: 16 is larger than video 'v\d' \(30x12\)"):
        take(train_batches(subset), 1)


def test_evaluation_has_every_clip_once_and_masks_the_padding(memory_subset):
    subset = memory_subset([4, 9, 3, 17])  # 1, 2, 1 and 4 clips
    batches = EvalBatches(EvalClips(subset, SPEC, 30), batch_size=3, reading=Reading())
    rows = list(batches)
    assert len(rows) == len(batches) == 3
    mask = np.concatenate([b["mask"] for b in rows])
    video = np.concatenate([b["video"] for b in rows])[mask]
    start = np.concatenate([b["clip"][:, 0, 0, 0, 0, 0] for b in rows])[mask] % 16
    assert mask.tolist() == [True] * 8 + [False]
    assert video.tolist() == [0, 1, 1, 2, 3, 3, 3, 3]
    assert start.tolist() == [0, 0, 4, 0, 0, 4, 8, 12]


@pytest.mark.parametrize(("most", "clips"), [(3, 3), (0, 25)])
def test_clips_are_limited_or_all(memory_subset, most, clips):
    batches = EvalBatches(
        EvalClips(memory_subset([100]), SPEC, most), batch_size=25, reading=Reading()
    )
    (batch,) = batches
    assert batch["mask"].sum() == clips


def test_evaluation_centre_clip(memory_subset):
    batches = EvalBatches(
        EvalClips(memory_subset([10, 4]), SPEC, None), batch_size=2, reading=Reading()
    )
    (batch,) = batches
    assert batch["clip"][0, 0, :, 0, 0, 0].tolist() == [3, 4, 5, 6]
    assert batch["clip"][0, 0, 0, 0, 0, 1:].tolist() == [2, 4]  # centre of 20 x 24


def test_processes_evaluate_every_clip_once(memory_subset):
    subset = memory_subset([4, 9, 3, 17])
    seen = []
    for i in range(2):
        options = {"batch_size": 4, "reading": Reading(), "process": Process(i, 2)}
        for batch in EvalBatches(EvalClips(subset, SPEC, 30), **options):
            seen += batch["video"][batch["mask"]].tolist()
    assert sorted(seen) == [0, 1, 1, 2, 3, 3, 3, 3]


class _Counting:
    """Notes which frames are requested from a data set."""

    def __init__(self, dataset):
        self.dataset, self.asked = dataset, []
        self.parts, self.videos = dataset.parts, dataset.videos

    def frames(self, index, numbers):
        self.asked.append(numbers.tolist())
        return self.dataset.frames(index, numbers)


def test_several_clips_of_a_video_belong_to_one_row(memory_subset):
    spec = ClipSpec(Tuples(frames=2, stride=1, clips=3, interval=1), crop=16)
    subset = memory_subset([12] * 4)
    batches = TrainBatches(subset, spec, batch_size=4, seed=0, reading=Reading(threads=1))
    batch = next(batches)
    assert batch["clip"].shape == (4, 3, 2, 16, 16, 3) and batch["label"].shape == (4,)
    frames = batch["clip"][..., 0, 0, 0].astype(int) % 16
    assert (frames - frames[:, :1, :1] == [[0, 1], [3, 4], [6, 7]]).all()
    corners = batch["clip"][..., 0, 0, 1:]
    assert (corners == corners[:, :1, :1]).all()  # one window for all clips of a video
    (row, *_) = EvalBatches(EvalClips(subset, spec, None), batch_size=4, reading=Reading())
    assert (row["clip"][0, :, :, 0, 0, 0] % 16).tolist() == [[2, 3], [5, 6], [8, 9]]


@pytest.mark.parametrize("remote_gap", [None, 0, 50])  # none, one, and one without room
def test_each_clip_of_a_tuple_may_be_cut_by_a_window_of_its_own(memory_subset, remote_gap):
    sampler = Tuples(2, stride=1, clips=3, interval=1, remote_gap=remote_gap, own_windows=True)
    subset, spec = memory_subset([12] * 4), ClipSpec(sampler, crop=8)
    batches = TrainBatches(subset, spec, batch_size=4, seed=0, reading=Reading(threads=1))
    clips = np.concatenate([batch["clip"] for batch in take(batches, 3)])
    corners = clips[..., 0, 0, 1:].astype(int)  # [12, n, t, 2]: where the window lies
    assert (corners == corners[:, :, :1]).all()  # one for all frames of a clip
    lengths = {len({tuple(corner) for corner in row[:3, 0].tolist()}) for row in corners}
    assert max(lengths) == 3
    if remote_gap is not None:
        assert (corners[:, 3] == corners[:, 1]).all()  # in whose place it is shown
    if remote_gap == 50:
        assert (clips[:, 3] == clips[:, 1]).all()


def test_a_frame_that_several_clips_show_is_decoded_once(memory_subset):
    subset = memory_subset([5])
    counting = _Counting(subset.dataset)
    frames = np.array([[0, 3, 3], [3, 1, 4]])  # neither sorted nor without repetition
    row = Row(0, frames, [(0.0, 0.0, 0.0)] * 2)
    spec = ClipSpec(Segments(3, sequences=2), crop=16)
    batch = load_batch(Subset(counting, subset.videos), spec, [row])
    assert counting.asked == [[0, 1, 3, 4]]
    assert (batch["clip"][0, :, :, 0, 0, 0] == frames).all()


def test_sequences_of_a_video_are_cut_apart(memory_subset):
    spec = ClipSpec(Segments(2, sequences=2), crop=16)
    batch = take(
        TrainBatches(memory_subset([12] * 8), spec, batch_size=8, seed=0, reading=Reading()), 1
    )[0]
    corners = batch["clip"][..., 0, 0, 1:]
    assert (corners == corners[:, :, :1]).all()  # one window for all frames of a sequence
    apart = (corners[:, 0, 0] != corners[:, 1, 0]).any(axis=-1)
    assert apart.sum() >= 5  # of eight, of 5 x 9 places each
    (row, *_) = EvalBatches(
        EvalClips(memory_subset([12] * 8), spec, None), batch_size=4, reading=Reading()
    )
    assert (row["clip"][:, 0] == row["clip"][:, 1]).all()


def test_draws_of_two_clips_do_not_depend_on_who_reads_them(memory_subset):
    spec = ClipSpec(Segments(4, sequences=2), crop=16)
    subset = memory_subset([15] * 8)
    options = {"batch_size": 4, "seed": 3, "reading": Reading(threads=1)}
    whole = take(TrainBatches(subset, spec, **options), 2)
    parts = [take(TrainBatches(subset, spec, **options, process=Process(i, 2)), 2) for i in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert np.array_equal(batch["clip"][0::2], first["clip"])
        assert np.array_equal(batch["clip"][1::2], second["clip"])
    assert equal(whole, take(TrainBatches(subset, spec, **options), 2))
