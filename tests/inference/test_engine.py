"""The engine against plain loops over the same networks: every selector, any mix of videos."""

import dataclasses
import itertools
import json
import os
import shutil
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_networks import save_sampler
from squares import write_square
from video_files import as_stream

from vidkd_jax import samplers
from vidkd_jax.data.clips import centre_crop
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import Predictions, sigmoid, softmax
from vidkd_jax.inference import engine as engines
from vidkd_jax.inference import pair as pairs
from vidkd_jax.inference import scoring, selectors, sources
from vidkd_jax.inference.aggregation import Answers, aggregate, divide, is_sure
from vidkd_jax.inference.answers import Failure
from vidkd_jax.inference.batching import Batcher
from vidkd_jax.inference.choice import Choice
from vidkd_jax.inference.engine import Engine
from vidkd_jax.inference.loaded import cutting_of, load
from vidkd_jax.inference.selectors import Evidence
from vidkd_jax.inference.sources import Source
from vidkd_jax.inference.study import Study
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.video import read_frames

LENGTHS = (31, 5, 80, 24, 12, 50)  # frames: 4, 1, 10, 3, 1 and 6 clips


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for length in LENGTHS:
        write_square(folder / f"{length}.mp4", direction=length % 2, seed=length, num_frames=length)
    return [Source(str(folder / f"{length}.mp4")) for length in LENGTHS]


@pytest.fixture(scope="module")
def both(video_run, tmp_path_factory):
    """A teacher that is unlike the sampler, and the sampler."""
    folder = tmp_path_factory.mktemp("networks")
    teacher = save_sampler(folder / "teacher", video_run, seed=5, confidence=False)
    sampler = save_sampler(folder / "sampler", video_run, seed=6)
    return pairs.pair(load("--teacher", teacher), load("--run", sampler))


@pytest.fixture(scope="module")
def said(both, files):
    """What each network says of each clip of each video, each alone with all clips."""
    answers = {}
    for name, asked in (("teacher", both.teacher), ("sampler", both.sampler)):
        alone = dataclasses.replace(both, teacher=asked, sampler=None)
        found = Engine(alone, Choice(), batch_size=4).answer(files)
        answers[name] = [each.teacher.logits for each in found]
    return answers


@pytest.fixture(scope="module")
def confidences(both, files):
    found = Engine(both, Choice("confidence", k=1), batch_size=4).answer(files)
    return [each.confidence for each in found]


def evidence(said, confidences, video):
    logits = said["sampler"][video]
    return Evidence(len(logits), softmax(logits), confidences[video])


def test_all_clips_have_the_bits_of_the_evaluation(video_run, square_videos):
    """In another order and beside other videos, too: bits depend on the size of a batch alone."""
    with np.load(video_run / "predictions.npz") as saved:
        names, numbers = np.unique(saved["videos"], return_inverse=True)
        clips = Predictions(saved["logits"], saved["labels"], numbers)
    wanted, _, _ = clips.by_video("softmax")
    paths = [next((square_videos / "videos").rglob(f"{name}.mp4")) for name in names]
    order = [2, 0, 3, 1]
    alone = pairs.pair(load("--run", video_run), None)
    found = list(Engine(alone, Choice()).answer([Source(str(paths[i])) for i in order]))
    for number, each in zip(order, found, strict=True):
        np.testing.assert_array_equal(each.probabilities, wanted[number])
        np.testing.assert_array_equal(each.teacher.logits, clips.logits[clips.videos == number])
        assert each.seen == each.num_clips == 3 and each.sampler is None
        assert [each.seconds(clip) for clip in range(3)] == [
            (0, pytest.approx(7 / 12)),
            (pytest.approx(8 / 12), pytest.approx(15 / 12)),
            (pytest.approx(16 / 12), pytest.approx(23 / 12)),
        ]


@pytest.mark.parametrize("name", ["random", "equidistant", "entropy", "confidence"])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_the_teacher_answers_the_chosen_clips(both, files, said, confidences, name, k):
    found = list(Engine(both, Choice(name, k=k, seed=3), batch_size=4).answer(files))
    for video, each in enumerate(found):
        rng = np.random.default_rng((3, video))
        chosen = selectors.choose(name, evidence(said, confidences, video), k, rng)
        assert each.chosen.tolist() == chosen.tolist()
        assert each.teacher.clips.tolist() == sorted(chosen.tolist())
        assert (each.seen, each.num_clips) == (len(chosen), len(said["teacher"][video]))
        logits = said["teacher"][video][chosen]
        np.testing.assert_allclose(
            each.probabilities, aggregate(Answers(chosen, logits), "softmax"), rtol=1e-5
        )
        assert each.by(int(chosen[0])) == "teacher"
        assert (each.sampler is None) == (name in ("random", "equidistant"))


def test_a_selector_that_does_not_look_runs_no_sampler(both, files):
    broken = dataclasses.replace(both, sampler=dataclasses.replace(both.sampler, network=None))
    for name in ("dense", "random", "equidistant"):
        list(Engine(broken, Choice(name), batch_size=4).answer(files[:2]))
    with pytest.raises(AttributeError):
        list(Engine(broken, Choice("entropy"), batch_size=4).answer(files[:2]))


def test_teacher_and_sampler_divide_the_work(both, files, said, confidences):
    found = list(Engine(both, Choice("confidence", k=4, k_student=2), batch_size=4).answer(files))
    shared = 0
    for video, each in enumerate(found):
        known = evidence(said, confidences, video)
        of_teacher = selectors.choose("confidence", known, 2, None)
        of_sampler = selectors.choose("entropy", known, 2, None)
        wanted = divide(
            Answers(of_teacher, said["teacher"][video][of_teacher]),
            Answers(of_sampler, said["sampler"][video][of_sampler]),
            "softmax",
        )
        np.testing.assert_allclose(each.probabilities, wanted, rtol=1e-5)
        overlap = {*of_teacher.tolist()} & {*of_sampler.tolist()}
        assert all(each.by(clip) == "both" for clip in overlap)
        assert each.seen == len(of_teacher)
        shared += len(overlap)
    assert shared
    (alone, *_) = Engine(both, Choice("confidence", k=2, k_student=2), batch_size=4).answer(files)
    assert alone.seen == 0 and len(alone.student.clips) == 2  # the teacher is not asked


@pytest.mark.parametrize("name", ["confidence", "random", "dense"])
@pytest.mark.parametrize("held", [None, 2])
def test_the_teacher_is_asked_until_the_answer_is_sure(
    both, files, said, confidences, name, held, monkeypatch
):
    """Clips whose pixels were not kept are read again."""
    if held:
        monkeypatch.setattr(engines, "_HELD_BYTES", held * 4 * 24 * 24 * 3)
    threshold = 0.9
    found = list(Engine(both, Choice(name, stop_at=threshold), batch_size=4).answer(files))
    for video, each in enumerate(found):
        known = evidence(said, confidences, video)
        order = selectors.choose(name, known, known.num_clips, np.random.default_rng((0, video)))
        logits = said["teacher"][video]
        for seen in range(1, len(order) + 1):
            wanted = aggregate(Answers(order[:seen], logits[order[:seen]]), "softmax")
            if is_sure(wanted, threshold):
                break
        assert each.seen == seen
        np.testing.assert_allclose(each.probabilities, wanted, rtol=1e-5)
    assert sum(each.seen for each in found) < sum(each.num_clips for each in found)


def test_a_single_network_chooses_among_its_own_clips(video_run, files):
    run = load("--run", video_run)
    alone = pairs.pair(run, run)
    (dense, *_) = Engine(pairs.pair(run, None), Choice(), batch_size=4).answer(files)
    (each, *_) = Engine(alone, Choice("entropy", k=2), batch_size=4).answer(files)
    chosen = selectors.choose("entropy", Evidence(4, softmax(dense.teacher.logits)), 2, None)
    assert each.chosen.tolist() == chosen.tolist()
    np.testing.assert_array_equal(
        each.probabilities, aggregate(Answers(chosen, dense.teacher.logits[chosen]), "softmax")
    )
    assert each.seen == each.num_clips == 4  # it has seen all of them


def test_time_limits_the_number_of_clips(both, files):
    enough = Engine(both, Choice("confidence", seconds=1000.0), batch_size=4).answer(files[2:3])
    short = Engine(both, Choice("confidence", seconds=1e-6), batch_size=4).answer(files[2:3])
    few = Engine(both, Choice("confidence", k=3, seconds=1000.0), batch_size=4).answer(files[2:3])
    assert [next(each).seen for each in (enough, short, few)] == [10, 1, 3]


@pytest.mark.parametrize("limit", [{"seconds": 1000.0}, {"stop_at": 1.0}])
def test_without_k_the_teacher_may_see_all_beside_the_samplers_clips(both, files, limit):
    choice = Choice("confidence", k_student=8, **limit)
    choice.check(both)
    (each,) = Engine(both, choice, batch_size=4).answer(files[2:3])
    assert each.num_clips == 10 and len(each.teacher.clips) == 10


def test_clips_that_the_teacher_does_not_come_to_are_not_read(both, files, monkeypatch):
    read, by_number = [], sources._by_number
    monkeypatch.setattr(
        sources, "_by_number", lambda *asked: read.append(asked) or by_number(*asked)
    )
    for stop_at, clips in ((0.01, 1), (1.0, 5)):
        choice = Choice("random", k=5, stop_at=stop_at)
        (each,) = Engine(both, choice, batch_size=4).answer(files[2:3])
        assert each.seen == clips == len(read)
        # Where they are is known of those that were read last, too.
        assert {*each.teacher.clips.tolist()} == each.spans.keys()
        assert each.spans == {clip: (8 * clip, 8 * clip + 7) for clip in each.spans}
        read.clear()


@pytest.mark.parametrize("k_student", [0, 2])
def test_time_counts_reading_the_sampler_and_the_teacher(both, files, monkeypatch, k_student):
    """Of 3.35 s reading takes 1.5, the sampler 0.1 for each of ten clips: four at 0.2 are left."""
    clock = itertools.count()
    monkeypatch.setattr(sources.time, "thread_time", lambda: 1.5 * next(clock))
    costs = {id(both.teacher): 0.2, id(both.sampler): 0.1}
    monkeypatch.setattr(Batcher, "seconds_per_clip", lambda self, *_: costs[id(self._asked)])
    choice = Choice("confidence", seconds=3.35, k_student=k_student)
    (each,) = Engine(both, choice, batch_size=4, threads=1).answer(files[2:3])
    assert each.num_clips == 10 and len(each.chosen) == 4
    assert k_student == 0 or len(each.student.clips) == k_student  # they cost the teacher nothing


def test_videos_that_fail_are_said_in_their_place(both, files, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    mixed = [files[0], Source(str(tmp_path / "text.mp4")), files[1], Source("none.mp4"), files[2]]
    for choice in (Choice(), Choice("confidence", k=2), Choice("random", k=2, stop_at=0.9)):
        found = list(Engine(both, choice, batch_size=4).answer(mixed))
        assert [isinstance(each, Failure) for each in found] == [False, True, False, True, False]
        assert [each.source for each in found] == mixed
        (alone,) = Engine(both, choice, batch_size=4).answer([files[0]])
        np.testing.assert_allclose(found[0].probabilities, alone.probabilities, rtol=1e-5)
        assert "text.mp4: not a readable video" in str(found[1].error)


def test_what_a_person_should_know(both, files):
    each = next(Engine(both, Choice("confidence", k=7), batch_size=4).answer([files[1]]))
    assert each.notices == (
        f"short: {files[1].name}: has 5 frames, a clip has 7; its last frame is repeated",
        f"few clips: {files[1].name}: has 1, fewer than --k=7; all count",
    )
    assert each.seconds(0) == (0.0, pytest.approx(5 / 12))


@pytest.mark.parametrize("name", ["dense", "random", "confidence"])
def test_a_pipe_is_answered_like_the_file(both, files, tmp_path, name):
    choice = Choice(name, k=None if name == "dense" else 3)
    wanted = next(Engine(both, choice, batch_size=4).answer([files[2]]))
    mkv, pipe = tmp_path / "video.mkv", tmp_path / "pipe"
    shutil.copy(files[2].name, mkv)
    os.mkfifo(pipe)
    as_stream(files[2].name, mkv)
    thread = threading.Thread(target=pipe.write_bytes, args=(mkv.read_bytes(),), daemon=True)
    thread.start()
    (each,) = Engine(both, choice, batch_size=4).answer([Source(str(pipe), live=True)])
    assert each.chosen.tolist() == wanted.chosen.tolist() and each.num_clips == 10
    np.testing.assert_allclose(each.probabilities, wanted.probabilities, rtol=1e-5)


def test_a_stream_that_time_limits_has_forgotten_nothing(both, files, tmp_path):
    shutil.copy(files[2].name, tmp_path / "video.mkv")
    as_stream(files[2].name, tmp_path / "video.mkv")
    data, pipe = (tmp_path / "video.mkv").read_bytes(), tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True).start()
    choice = Choice("confidence", seconds=1e-6)
    (each,) = Engine(both, choice, batch_size=4).answer([Source(str(pipe), live=True)])
    assert each.num_clips == 10 and each.seen == 1
    assert not any("forgotten" in notice for notice in each.notices)


def test_a_network_answers_in_the_type_of_its_run(video_run, tmp_path):
    run = shutil.copytree(video_run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["model"]["dtype"] = "bfloat16"
    (run / "config.json").write_text(json.dumps(config))
    for folder, dtype in ((video_run, "float32"), (run, "bfloat16")):
        network = pairs.pair(load("--run", folder), None).teacher.network
        assert network.model.backbone.dtype == np.dtype(jnp.dtype(dtype))


def test_a_network_is_compiled_once_whatever_the_lengths(both, files):
    fresh = dataclasses.replace(
        both,
        teacher=dataclasses.replace(both.teacher),
        sampler=dataclasses.replace(both.sampler),
    )
    for _ in range(2):
        list(Engine(fresh, Choice("confidence", k=4), batch_size=4).answer(files * 3))
    assert fresh.teacher.step._cache_size() == fresh.sampler.step._cache_size() == 1


def test_memory_holds_the_best_clips_only(both, tmp_path, monkeypatch):
    """Of a long video: at any time the pixels of K clips, and of two batches."""
    write_square(tmp_path / "long.mp4", direction=1, seed=1, num_frames=800)
    most = []
    take = engines._Pass._take

    def counting(self, index, video, found):
        take(self, index, video, found)
        most.append((len(video.candidates), len(video.unscored)))

    monkeypatch.setattr(engines._Pass, "_take", counting)
    choice = Choice("confidence", k=3)
    (each,) = Engine(both, choice, batch_size=4).answer([Source(str(tmp_path / "long.mp4"))])
    assert each.num_clips == 100 and each.seen == 3
    assert max(kept for kept, _ in most) == 3 and max(sent for _, sent in most) < 3 * 4


def test_memory_of_many_videos_does_not_grow_with_their_number(both, files, monkeypatch):
    """As many wait for the teacher as fill two batches, of which each holds its part."""
    clip = 4 * 24 * 24 * 3
    monkeypatch.setattr(engines, "_HELD_TOGETHER", 8 * clip)
    held, advance = [], engines._Pass._advance

    def counting(self, *, wait):
        advance(self, wait=wait)
        held.append(sum(len(video.candidates) for _, video in self._open))

    monkeypatch.setattr(engines._Pass, "_advance", counting)
    choice = Choice("confidence", stop_at=1.0)
    found = list(Engine(both, choice, batch_size=2, threads=1).answer(files * 4))
    assert all(each.seen == each.num_clips for each in found)
    assert max(held) <= 8 + 2 * 2


def test_the_sampler_sees_the_middle_of_the_teachers_clip(video_run, files, tmp_path):
    """As beside the teacher in training: two frames of seven, whose middle is the fourth."""
    teacher = save_sampler(tmp_path / "teacher", video_run, seed=5, confidence=False)
    sampler = save_sampler(tmp_path / "sampler", video_run, seed=6, frames=2, stride=1, sampler={})
    beside = pairs.pair(load("--teacher", teacher), load("--run", sampler))
    (each,) = Engine(beside, Choice("entropy", k=1), batch_size=4).answer(files[:1])
    run = load("--run", sampler)
    frames = read_frames(files[0].name, short_side=run.cutting.short_side)
    top, left = centre_crop(*frames.shape[1:3], 24)
    cut = frames[:, top : top + 24, left : left + 24]
    asked = pairs._asked(run, None, samplers.Contiguous(2, 1))
    shift = samplers.start_beside((0, 1), (0, 2, 4, 6))  # the teacher's start, seen from it
    clips = np.stack([cut[8 * n - shift : 8 * n - shift + 2][None] for n in range(4)])
    batch = {"clip": clips, **{name: np.zeros(4, np.int32) for name in ("label", "video", "mask")}}
    wanted = asked.step(asked.variables, batch)["logits"]
    assert shift == -3 and each.num_clips == 4
    np.testing.assert_allclose(each.sampler, wanted, atol=1e-4)


def test_still_clips_are_answered_alike_alone_and_beside_a_sampler(video_run, files, tmp_path):
    """Each network sees the middle one of its own frames, wherever the other one's are."""
    still = []
    for name, stride in (("--teacher", 2), ("--run", 3)):
        folder = save_sampler(
            tmp_path / name, video_run, seed=stride, confidence=False, stride=stride, sampler={}
        )
        loaded = load(name, folder)
        cutting = dataclasses.replace(loaded.cutting, still=True)
        still.append(dataclasses.replace(loaded, cutting=cutting))
    (alone,), (beside,) = (
        list(Engine(pairs.pair(still[0], other), choice, batch_size=4).answer(files[:1]))
        for other, choice in ((None, Choice("dense")), (still[1], Choice("entropy", k=4)))
    )
    order = np.argsort(beside.teacher.clips)
    np.testing.assert_allclose(beside.teacher.logits[order], alone.teacher.logits, atol=1e-5)


def test_an_answer_that_is_no_number_is_a_failure(video_run, files, tmp_path):
    loaded = load("--run", save_sampler(tmp_path / "run", video_run, seed=5, confidence=False))
    damaged = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), loaded.variables)
    network = pairs.pair(dataclasses.replace(loaded, variables=damaged), None)
    (found,) = Engine(network, Choice("dense"), batch_size=4).answer(files[:1])
    assert isinstance(found, Failure)
    assert "31.mp4': the network's answer is not a number; train it" in str(found.error)


@pytest.mark.parametrize("head", ["confidence", "logits"])
def test_a_sampler_that_says_no_number_chooses_nothing(video_run, files, tmp_path, head):
    teacher = load("--teacher", save_sampler(tmp_path / "teacher", video_run, seed=5))
    loaded = load("--run", save_sampler(tmp_path / "run", video_run, seed=6))
    variables = jax.tree.map(np.array, loaded.variables)
    variables.params[head]["bias"][:] = np.nan
    network = pairs.pair(teacher, dataclasses.replace(loaded, variables=variables))
    for choice in (Choice("confidence", k=2), Choice("entropy", k=2)):
        (found,) = Engine(network, choice, batch_size=4).answer(files[:1])
        assert isinstance(found, Failure)
        assert "31.mp4': the sampler's answer is not a number; train it" in str(found.error)


def test_how_a_run_cuts_and_averages(video_run):
    fields = {"data.sampler": "still", "eval.average": "logits", "data.crop": 48}
    cutting = cutting_of(fields, load("--run", video_run).card)
    assert (cutting.still, cutting.average, cutting.crop) == (True, "logits", 48)
    assert not cutting_of({"data.sampler": "clip"}, load("--run", video_run).card).still


def test_a_batch_that_does_not_fit_into_memory_is_named(both, files):
    with pytest.raises(InputError, match=r"--batch_size=1000000000000: so many clips do not fit"):
        list(Engine(both, Choice(), batch_size=10**12).answer(files[:1]))


def test_a_study_finds_what_the_engine_answers(video_run, square_videos, tmp_path):
    """Scores of a split, and the engine on its files, choose alike and are right alike."""
    sampler = save_sampler(tmp_path / "sampler", video_run)
    scores = scoring.score(video_run, sampler, settings=saved_settings(video_run))
    loaded = load("--teacher", video_run), load("--run", sampler)
    paths = [next((square_videos / "videos").rglob(f"{name}.mp4")) for name in scores.names]
    for name in ("confidence", "entropy", "equidistant"):
        study = Study(scores).selected(name, (2,)).probabilities[0, 0]
        engine = Engine(pairs.pair(*loaded), Choice(name, k=2))
        found = engine.answer([Source(str(path)) for path in paths])
        np.testing.assert_allclose([each.probabilities for each in found], study, rtol=1e-5)
    first = Study(scores).selected("confidence", (1,)).probabilities[0, 0]
    threshold = float(np.median(first.max(axis=1)))  # half of the videos need a second clip
    study = Study(scores).stopped("confidence", 2, (threshold,))
    engine = Engine(pairs.pair(*loaded), Choice("confidence", k=2, stop_at=threshold))
    found = list(engine.answer([Source(str(path)) for path in paths]))
    assert [each.seen for each in found] == study.seen[0, 0].tolist()
    assert {each.seen for each in found} == {1, 2}
    np.testing.assert_allclose(
        [each.probabilities for each in found], study.probabilities[0, 0], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice("oracle"), "--selector=oracle: reads the label"),
        (Choice("entopy"), "no selector 'entopy'; did you mean 'entropy'"),
        (Choice("dense", k=3), "--k=3: selector 'dense' takes all clips"),
        (Choice("random", seconds=1.0), "--seconds=1: selector 'random' chooses before"),
        (Choice("dense", seconds=1.0), "--seconds=1: selector 'dense' takes all clips"),
        (Choice("confidence", k=2, k_student=3), "--k_student=3: is a part of --k"),
        (Choice("confidence", k_student=6), "--k_student=6: is a part of --k"),
        (Choice("dense", k_student=1), "--k_student=1: is a part of --k"),
    ],
)
def test_a_choice_that_cannot_be_made(both, choice, message):
    with pytest.raises(InputError, match=message):
        Engine(both, choice)


def test_a_sampler_looks_where_it_chooses_or_answers(both):
    Engine(both, Choice("confidence", k_student=5))  # of the five that answer by default
    for choice in (Choice("confidence"), Choice("random", k=4, k_student=2)):
        assert choice.needs_sampler
    assert not Choice("random", k=4).needs_sampler


def test_a_choice_that_does_not_fit_the_networks(video_run, tmp_path):
    run = load("--run", video_run)
    with pytest.raises(InputError, match="--selector=confidence: the run has no head 'confidence'"):
        Engine(pairs.pair(run, run), Choice("confidence"))
    with pytest.raises(InputError, match="--seconds=1: there is one network alone"):
        Engine(pairs.pair(run, run), Choice("entropy", seconds=1.0))
    with pytest.raises(InputError, match="--k_student=1: there is one network alone"):
        Engine(pairs.pair(run, run), Choice("entropy", k_student=1))
    mute = load("--run", save_sampler(tmp_path / "mute", video_run, classifier=False))
    for choice in (Choice("entropy"), Choice("confidence", k_student=1)):
        with pytest.raises(InputError, match="the sampler has no classifier"):
            Engine(pairs.pair(run, mute), choice)
    stream = [Source("rtsp://camera", live=True)]
    with pytest.raises(InputError, match="'rtsp://camera' is a stream, whose length nobody knows"):
        Engine(pairs.pair(run, None), Choice("equidistant", k=2)).answer(stream)


def test_confidence_is_a_probability():
    np.testing.assert_allclose(sigmoid(np.array([-1000, 0, 2.0])), [0, 0.5, 0.880797], atol=1e-6)
