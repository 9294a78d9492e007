"""Timelines of answers whose clips are known."""

import csv
import dataclasses
import errno
import json
import os
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure

from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.inference import picture, timeline
from vidkd_jax.inference.aggregation import Answers
from vidkd_jax.inference.answers import VideoAnswer
from vidkd_jax.inference.sources import Source
from vidkd_jax.video import write_video

NAMES = ("idle", "wave")
NOBODY = Answers(np.zeros(0, int), np.zeros((0, 1), np.float32))


def logits(*waves):
    return np.log(np.array([[1 - p, p] for p in waves], np.float32))


@pytest.fixture
def answer():
    """Five clips of 8 frames at 4 a second; the sampler says idle, idle, wave, wave, idle."""
    return VideoAnswer(
        Source("a,b.mp4"),
        np.array([0.4, 0.6]),
        num_clips=5,
        num_frames=40,
        fps=4.0,
        spans={clip: (8 * clip, 8 * clip + 8) for clip in range(5)},
        chosen=np.array([3, 0]),
        seen=2,
        teacher=Answers(np.array([0, 3]), logits(0.7, 0.9)),  # clip 0 waves, says the teacher
        student=Answers(np.array([2, 3]), logits(0.8, 0.6)),
        scores=np.array([0.4, 0.2, 0.1, 0.9, 0.3]),
        sampler=logits(0.1, 0.2, 0.8, 0.6, 0.3),
        confidence=np.array([0.4, 0.2, 0.1, 0.9, 0.3]),
        step=8,
    )


def test_clips_over_time(answer):
    rows = timeline.clips(answer, NAMES)
    assert [row["class"] for row in rows] == ["wave", "idle", "wave", "wave", "idle"]
    assert [row["probability"] for row in rows] == pytest.approx([0.7, 0.8, 0.8, 0.9, 0.7])
    assert [row["by"] for row in rows] == ["teacher", "", "sampler", "both", ""]
    assert [(row["start"], row["end"]) for row in rows] == [(2 * i, 2 * i + 2) for i in range(5)]
    assert rows[3]["confidence"] == 0.9


def test_segments_of_neighbours_of_one_class(answer):
    found = timeline.segments(answer, timeline.clips(answer, NAMES))
    expected = [
        {"start": 0, "end": 2, "class": "wave", "probability": 0.7, "clips": 1},
        {"start": 2, "end": 4, "class": "idle", "probability": 0.8, "clips": 1},
        {"start": 4, "end": 8, "class": "wave", "probability": 0.85, "clips": 2},
        {"start": 8, "end": 10, "class": "idle", "probability": 0.7, "clips": 1},
    ]
    assert [{**each, "probability": pytest.approx(each["probability"])} for each in found] == (
        expected
    )


def test_a_clip_that_no_classifier_saw_ends_a_segment(answer):
    """Of a sampler without a classifier the teacher's clips alone have a class."""
    mute = dataclasses.replace(
        answer, sampler=None, student=NOBODY, teacher=Answers(np.array([0, 2]), logits(0.9, 0.7))
    )
    rows = timeline.clips(mute, NAMES)
    assert [row["class"] for row in rows] == ["wave", None, "wave", None, None]
    assert len(timeline.segments(mute, rows)) == 2
    unseen = dataclasses.replace(mute, confidence=None)
    assert [row["clip"] for row in timeline.clips(unseen, NAMES)] == [0, 2]
    found = timeline.segments(unseen, timeline.clips(unseen, NAMES))
    assert len(found) == 2  # clip 1 lies between


def test_clips_with_time_between_them_that_nobody_looked_at_are_no_segment(answer):
    """Of clips that are spread over a long video the numbers follow each other."""
    spans = {clip: (8 * clip, 8 * clip + 7) for clip in range(4)} | {4: (400, 407)}
    alike = dataclasses.replace(answer, spans=spans, num_frames=410, sampler=logits(*[0.9] * 5))
    found = timeline.segments(alike, timeline.clips(alike, NAMES))
    assert [(each["start"], each["end"], each["clips"]) for each in found] == [
        (0, 7.75, 4),
        (100, 101.75, 1),
    ]


def test_a_clip_alone_has_a_temperature_of_its_own(answer):
    cold = dataclasses.replace(answer, of_clip=(2.0, 0.5))
    found = cold.clip_probabilities()
    assert found[0] == pytest.approx(softmax(2 * logits(0.7))[0])
    assert found[1] == pytest.approx(softmax(0.5 * logits(0.2))[0])


def test_without_a_frame_rate_there_are_no_times(answer, tmp_path):
    still = dataclasses.replace(answer, fps=0.0)
    assert {row["start"] for row in timeline.clips(still, NAMES)} == {None}
    found = timeline.Timeline(tmp_path / "t.csv", NAMES)
    found.add(still)
    found.write()
    assert "a,b.mp4" in (tmp_path / "t.csv").read_text()


def test_files(answer, tmp_path):
    odd = dataclasses.replace(answer, source=Source("\udcff.mp4"))  # a name that is not text
    for name in ("t.csv", "t.json"):
        lines = timeline.Timeline(tmp_path / name, NAMES)
        lines.add(answer)
        lines.add(odd)
        lines.write()
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == (["segment"] * 4 + ["clip"] * 5) * 2
    assert rows[2] == {
        "video": "a,b.mp4", "kind": "segment", "clip": "", "start": "4.0", "end": "8.0",
        "class": "wave", "probability": "0.85", "confidence": "", "by": "", "clips": "2",
    }  # fmt: skip
    first, second = json.loads((tmp_path / "t.json").read_text())
    assert first["clips"] == timeline.clips(answer, NAMES)
    assert first["segments"] == timeline.segments(answer, first["clips"])
    assert second["video"] in ("\\udcff.mp4", "\udcff.mp4")


def test_which_clips_a_picture_shows(answer):
    assert picture.counted(answer) == [3, 0, 2]  # best first, then the sampler's
    assert picture.rejected(answer) == [1, 4]  # worst first
    assert picture.rejected(dataclasses.replace(answer, scores=None)) == [1, 4]


def test_a_picture_of_a_video_whose_name_is_not_text(answer, tmp_path):
    odd = tmp_path / os.fsdecode(b"\xff.mp4")
    write_video(odd, np.zeros((40, 16, 16, 3), np.uint8), 4)
    picture.save(tmp_path / "p.png", [dataclasses.replace(answer, source=Source(str(odd)))], 0.0)
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_a_disk_that_is_full_leaves_the_file_of_before(answer, tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    path.write_text("before")

    def write_half(self, text, **_):
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(type(path), "write_text", write_half)
    lines = timeline.Timeline(path, NAMES)
    lines.add(answer)
    with pytest.raises(OSError, match="no space"):
        lines.write()
    assert path.read_text() == "before"


def test_what_was_answered_before_an_interrupt_is_written(answer, tmp_path, capsys):
    with (
        pytest.raises(KeyboardInterrupt),
        timeline.Timeline(tmp_path / "t.json", NAMES) as lines,
    ):
        lines.add(answer)
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / "t.json").read_text())) == 1
    assert f"{tmp_path / 't.json'} holds the first 1 videos" in capsys.readouterr().err
    with (
        pytest.raises(KeyboardInterrupt),
        timeline.Timeline(tmp_path / "none.json", NAMES),
    ):
        raise KeyboardInterrupt
    assert not (tmp_path / "none.json").exists()


def test_a_picture_has_codes_for_the_letters_that_its_font_lacks(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    axes.set_title("Vid\u00e9o \u62f3.mp4\nclip 5", parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib's own, with a line of code, of each letter
        picture.write(tmp_path / "p.png", figure)
    assert axes.get_title() == "Vid\u00e9o \\u62f3.mp4\nclip 5"
