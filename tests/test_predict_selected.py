"""`predict` with a teacher and a sampler: which clips are asked about, files, and refusals."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from small_networks import save_sampler
from small_runs import build
from squares import write_square
from video_files import as_stream

from vidkd_jax import predict
from vidkd_jax.errors import InputError
from vidkd_jax.inference import output
from vidkd_jax.networks import weights


@pytest.fixture(scope="module")
def networks(video_run, tmp_path_factory):
    """A folder with "teacher", "sampler", and "mute", which has a confidence head alone."""
    folder = tmp_path_factory.mktemp("networks")
    save_sampler(folder / "teacher", video_run, seed=5, confidence=False)
    save_sampler(folder / "sampler", video_run, seed=6)
    save_sampler(folder / "mute", video_run, seed=7, classifier=False)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Videos of 10, 1 and 3 clips."""
    folder = tmp_path_factory.mktemp("videos")
    for name, length in (("a.mp4", 80), ("b.mp4", 5), ("c.mp4", 24)):
        write_square(folder / name, direction=length % 2, seed=length, num_frames=length)
    return folder


def asked(networks, files, *flags, sampler="sampler"):
    predict.main(
        [
            f"--run={networks / sampler}",
            f"--teacher={networks / 'teacher'}",
            *flags,
            *map(str, [files] if not isinstance(files, list) else files),
        ]
    )


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_answer_says_which_clips_it_rests_on(networks, files, capsys):
    asked(networks, files, "--k=3", "--json")
    out, err = capsys.readouterr()
    long, short, middle = objects(out)
    assert [(each["clips_seen"], each["clips"]) for each in (long, short, middle)] == [
        (3, 10),
        (1, 1),
        (3, 3),
    ]
    clips = long["chosen"]
    assert [clip["clip"] for clip in clips] == sorted(clip["clip"] for clip in clips)
    for clip in clips:
        begin = clip["clip"] * 8 / 12  # 4 frames of stride 2, 12 a second
        assert (clip["start"], clip["end"]) == pytest.approx((begin, begin + 7 / 12), abs=1e-6)
        assert clip["score"] == clip["confidence"] and clip["by"] == "teacher"
        assert clip["class"] in ("Left", "Right") and 0.5 <= clip["probability"] <= 1
    assert f"few clips: {files / 'b.mp4'}: has 1, fewer than --k=3; all count" in err
    assert f"short: {files / 'b.mp4'}: has 5 frames, a clip has 7; its last frame is" in err
    assert "few clips: " + str(files / "c.mp4") not in err


def test_selectors_and_their_options(networks, files, capsys):
    """The flags reach the engine; what it does with them is tested there."""
    one = [files / "a.mp4"]

    def seen(*flags, sampler="sampler"):
        asked(networks, one, "--json", *flags, sampler=sampler)
        (found,) = objects(capsys.readouterr().out)
        return found

    by_confidence = seen("--stop_at=0.5001", sampler="mute")  # a sampler without a classifier
    assert by_confidence["clips_seen"] == 1  # of two classes one always has more than half
    evenly = seen("--selector=equidistant", "--k=2", "--max_clips=4")
    assert [each["clip"] for each in evenly["chosen"]] == [1, 3] and evenly["clips"] == 4
    divided = seen("--selector=entropy", "--k=4", "--k_student=3")
    assert divided["clips_seen"] == 1
    assert [each["by"] for each in divided["chosen"]].count("both") == 1  # the surest one
    dense = seen("--selector=dense")
    assert dense["clips_seen"] == 10 and "chosen" not in dense
    for flags in (["--selector=random", "--k=2"], ["--selector=dense", "--stop_at=0.5001"]):
        assert {each["by"] for each in seen(*flags)["chosen"]} == {"teacher"}  # --run is not asked


def test_the_usual_selector_is_what_the_sampler_can_do(networks):
    def usual(name, *flags):
        run = ["--run", str(networks / name), *flags, "video.mp4"]
        _, choice = predict._asked(predict._parse(run))
        return choice.selector

    teacher = ("--teacher", str(networks / "teacher"))
    assert usual("sampler") == "dense"
    assert usual("sampler", *teacher) == usual("mute", *teacher) == "confidence"
    assert usual("teacher", *teacher) == "entropy"


def test_a_single_run_may_choose_among_its_own_clips(video_run, files, capsys):
    flags = ["--json", "--selector=entropy", "--k=2", str(files / "a.mp4")]
    predict.main([f"--run={video_run}", *flags])
    (found,) = objects(capsys.readouterr().out)
    assert len(found["chosen"]) == 2 and found["clips_seen"] == found["clips"] == 10
    assert [clip["by"] for clip in found["chosen"]] == ["run"] * 2


def test_a_run_of_confidence_alone_is_a_sampler(
    small_config, square_videos, video_run, files, tmp_path, capsys
):
    """Its card says that it has no classifier. What is not tested here is its training."""
    config = small_config(
        data__source="videos",
        data__videos=str(square_videos / "videos"),
        data__annotations=str(square_videos / "annotations"),
        method__name="confidence_only",
        teachers__runs=(str(video_run),),
    )
    run = build(config)
    weights.save(tmp_path / "run", run.card, run.initial_state().variables)
    runs = [f"--run={tmp_path / 'run'}", f"--teacher={video_run}"]
    predict.main([*runs, "--k=2", "--json", str(files / "a.mp4")])
    (found,) = objects(capsys.readouterr().out)
    assert found["clips_seen"] == 2
    assert all(0 < clip["confidence"] < 1 for clip in found["chosen"])
    with pytest.raises(InputError, match="run: has no classifier; name it with --run"):
        predict.main([runs[0], str(files / "a.mp4")])


def test_a_timeline_and_a_picture(networks, files, tmp_path, capsys):
    times, drawn = tmp_path / "times.csv", tmp_path / "drawn.png"
    asked(networks, files, "--k=2", f"--timeline={times}", f"--picture={drawn}")
    with times.open(newline="") as file:
        rows = list(csv.DictReader(file))
    clips = [row for row in rows if row["kind"] == "clip"]
    counts = {
        name: sum(row["video"] == str(files / name) for row in clips)
        for name in ("a.mp4", "b.mp4", "c.mp4")
    }
    assert counts == {"a.mp4": 10, "b.mp4": 1, "c.mp4": 3}
    assert sum(row["by"] == "teacher" for row in clips) == 2 + 1 + 2
    assert sum(int(row["clips"]) for row in rows if row["kind"] == "segment") == 14
    pixels = cv2.imread(str(drawn))
    assert pixels.shape[0] > 300 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("flags", [["--k=2"], ["--selector=random", "--k=1"], ["--stop_at=0.5"]])
def test_where_the_network_that_answers_looks(networks, files, flags, tmp_path):
    drawn = tmp_path / "heat.png"
    asked(networks, files, *flags, f"--heatmap={drawn}")
    height, width = cv2.imread(str(drawn)).shape[:2]
    assert (width, height) == (1200, 315 * 3)


def test_a_heatmap_without_an_answer_of_the_teacher(networks, files, tmp_path):
    with pytest.raises(InputError, match=r"--heatmap: '.*' was answered by the sampler alone"):
        asked(networks, files, "--k=1", "--k_student=1", f"--heatmap={tmp_path / 'h.png'}")


def test_clips_that_are_chosen_unseen_one_by_one_have_times_and_pictures(
    networks, files, tmp_path, capsys
):
    for selector in ("random", "equidistant"):
        flags = [f"--selector={selector}", "--stop_at=1", "--json"]
        flags += [f"--timeline={tmp_path / 't.csv'}", f"--picture={tmp_path / 'p.png'}"]
        asked(networks, [files / "a.mp4"], *flags)
        (found,) = objects(capsys.readouterr().out)
        assert found["clips_seen"] == 10 == len(found["chosen"])
        assert (tmp_path / "p.png").exists()
        assert (tmp_path / "t.csv").read_text().count("a.mp4,clip,") == 10


@pytest.mark.parametrize("selector", ["confidence", "random"])
def test_a_teacher_without_a_run_sees_videos_as_the_samplers_run_does(
    video_run, selector, tmp_path
):
    """As it did while it taught: at that frame rate, and as much of a frame."""
    file = {"file": "teacher.pth", "sha256": "0"}
    converted = {"source": file, "class_names": ()}
    teacher = save_sampler(tmp_path / "teacher", video_run, confidence=False, **converted)
    (teacher / "config.json").unlink()
    sampler = save_sampler(tmp_path / "sampler", video_run, seed=6, fps=6.0)
    config = json.loads((sampler / "config.json").read_text())
    config["data"] |= {"fps": 6.0, "short_side": 48, "crop": 40}
    (sampler / "config.json").write_text(json.dumps(config))
    flags = [f"--run={sampler}", f"--teacher={teacher}", f"--selector={selector}"]
    both, _ = predict._asked(predict._parse([*flags, "video.mp4"]))
    assert (both.cutting.fps, both.cutting.short_side, both.cutting.crop) == (6, 29, 24)
    assert both.class_names == ("Left", "Right")


def test_the_teacher_has_its_own_temperature(networks, files, tmp_path, capsys):
    for name, temperature in (("teacher", 2.0), ("sampler", 7.0)):
        shutil.copytree(networks / name, tmp_path / name)
        fitted = {"clip_temperature": temperature, "video_temperature": 5.0}
        (tmp_path / name / "summary.json").write_text(json.dumps(fitted))
    flags = ["--selector=equidistant", "--k=1", "--json", files / "a.mp4"]
    probabilities = []
    for how in ([], ["--calibrated"]):
        asked(tmp_path, [files / "a.mp4"], *how, *map(str, flags[:-1]))
        (found,) = objects(capsys.readouterr().out)
        got = {entry["name"]: entry["probability"] for entry in found["classes"]}
        probabilities.append(got["Left"])
    plain, cold = np.log(np.array(probabilities)) - np.log1p(-np.array(probabilities))
    assert plain == pytest.approx(2 * cold, rel=1e-3)


def test_a_sampler_that_is_not_asked_needs_no_temperature(networks, tmp_path):
    shutil.copytree(networks / "teacher", tmp_path / "teacher")
    fitted = {"clip_temperature": 2.0, "video_temperature": 5.0}
    (tmp_path / "teacher" / "summary.json").write_text(json.dumps(fitted))
    runs = [f"--run={networks / 'sampler'}", f"--teacher={tmp_path / 'teacher'}", "--calibrated"]
    both, _ = predict._asked(predict._parse([*runs, "--selector=random", "video.mp4"]))
    assert both.teacher.temperature == 2 and both.sampler is None
    with pytest.raises(InputError, match=r"--run=.*sampler has no 'clip_temperature'"):
        predict._asked(predict._parse([*runs, "video.mp4"]))


def test_a_timeline_has_all_clips_of_a_long_video(video_run, tmp_path, capsys):
    """Evaluation sees up to 30 clips of a video; what happens between them would be missed."""
    write_square(tmp_path / "long.mp4", direction=0, seed=3, num_frames=300)
    command = [f"--run={video_run}", "--json", str(tmp_path / "long.mp4")]
    predict.main(command)
    predict.main([*command, f"--timeline={tmp_path / 't.json'}"])
    evaluated, whole = objects(capsys.readouterr().out)
    assert (evaluated["clips"], whole["clips"]) == (30, 37)
    (found,) = json.loads((tmp_path / "t.json").read_text())
    assert len(found["clips"]) == 37


def test_unreadable_videos_among_good_ones(networks, files, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    mixed = [files / "a.mp4", tmp_path / "text.mp4", files / "c.mp4"]
    times = tmp_path / "t.json"
    with pytest.raises(InputError, match=r"1 of 3 videos cannot be read \(listed above\)"):
        asked(networks, mixed, "--k=2", f"--timeline={times}")
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith(f"{mixed[0]}: ") and first.endswith("% (2 of 10 clips)")
    assert second.startswith(f"{mixed[2]}: ") and second.endswith("% (2 of 3 clips)")
    assert "skipped: " in err and "text.mp4: not a readable video" in err
    assert len(json.loads(times.read_text())) == 2


def test_a_pipe_is_a_video(video_run, files, tmp_path, capsys):
    as_stream(files / "a.mp4", tmp_path / "a.mkv")
    os.mkfifo(tmp_path / "pipe")
    data = (tmp_path / "a.mkv").read_bytes()
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,), daemon=True).start()
    predict.main([f"--run={video_run}", "--json", str(tmp_path / "pipe"), str(files / "a.mp4")])
    live, file = objects(capsys.readouterr().out)
    assert live.pop("video") != file.pop("video") and live == file


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--selector=entopy"], r"no selector 'entopy'; did you mean 'entropy'\?"),
        (["--selector=oracle"], "--selector=oracle: reads the label"),
        (["--k=0"], "--k=0: give at least 1"),
        (["--k=2", "--selector=dense"], "--k=2: selector 'dense' takes all clips"),
        (["--stop_at=1.5"], "--stop_at=1.5: give a probability above 0, at most 1"),
        (["--seconds=0"], "--seconds=0: give more than 0"),
        (["--k=2", "--k_student=3"], "--k_student=3: is a part of --k"),
        (["--timeline=times.txt"], r"--timeline=times\.txt: must end in \.csv or \.json"),
        (["--timeline=no/t.csv"], r"--timeline=no/t\.csv: there is no folder 'no'"),
        (["--picture=p.jpg"], r"--picture=p\.jpg: must end in \.png"),
        (["--timeline=folder.csv"], r"--timeline=folder\.csv: Is a directory; name another"),
        (["--picture=p.png", "rtsp://camera"], "a stream cannot be read again to be drawn"),
        (["--heatmap=h.png", "rtsp://camera"], r"--heatmap=h\.png: a stream cannot be read again"),
        (["--heatmap=h.png", "--block=layer9"], "--heatmap: no block 'layer9' in the network"),
        (["--picture=p.png", "--heatmap=./p.png"], "--picture, --heatmap: both would be 'p.png'"),
        ([""], "'': an empty name; give a file, a folder, a camera, a pipe or an address"),
        (["--block=layer4"], "--block=layer4: says where --heatmap looks; give that, too"),
        (["--selector=equidistant", "rtsp://camera"], "'rtsp://camera' is a stream, whose length"),
        (["rtsp://a", "rtsp://b"], "'rtsp://b' is a second stream, and nobody would watch it"),
    ],
)
def test_wrong_flags(networks, files, flags, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=message):
        asked(networks, files, *flags)


def test_lines_for_programs_are_json_in_any_language(networks, files, tmp_path):
    name = tmp_path / "é😀.mp4"
    shutil.copy(files / "b.mp4", name)
    command = [sys.executable, "-m", "vidkd_jax.predict", f"--run={networks / 'teacher'}", "--json"]
    for encoding in ("ascii", "latin-1", "utf-8"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run([*command, str(name)], capture_output=True, env=environment)
        (found,) = objects(done.stdout.decode(encoding))
        assert found["video"] == str(name)
    assert str(name).encode() in done.stdout  # and is legible where it can be


def test_a_closed_error_stream_hides_no_answer(networks, files):
    command = f"-m vidkd_jax.predict --run={networks / 'teacher'} --json {files / 'b.mp4'} 2>&-"
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" {command}'], stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0
    assert [found["clips"] for found in objects(done.stdout)] == [1]


def test_the_best_of_equal_classes_is_the_first():
    answer = SimpleNamespace(probabilities=np.full(40, 1 / 40))
    names = [f"{label}" for label in range(40)]
    assert [name for name, _ in output._best(answer, names, 40)] == names


def test_networks_that_do_not_fit(networks, video_run, files, tmp_path):
    def refused(message, *flags, run="sampler", teacher=networks / "teacher"):
        command = [f"--run={networks / run}", f"--teacher={teacher}", *flags, str(files)]
        with pytest.raises(InputError, match=message):
            predict.main(command)

    card, variables = weights.load(networks / "teacher")

    def changed(**fields):
        weights.save(tmp_path / "other", dataclasses.replace(card, **fields), variables)
        (tmp_path / "other/config.json").write_bytes((video_run / "config.json").read_bytes())
        return tmp_path / "other"

    refused(
        "sampler: takes label 1 for Right, not Up as --teacher=.*other; give a sampler and a teach",
        teacher=changed(class_names=("Left", "Up")),
    )
    refused("knows 2 classes, not 3 as --teacher=.*other", teacher=changed(num_classes=3))
    refused("trained with data.fps=0, but --teacher=.*other with 12", teacher=changed(fps=12.0))
    seen_wider = changed()
    config = json.loads((seen_wider / "config.json").read_text())
    config["data"]["crop"] = config["data"]["short_side"]
    (seen_wider / "config.json").write_text(json.dumps(config))
    refused(r"sampler: sees \d\d% of a frame's short side .* 100%; give runs", teacher=seen_wider)
    refused("other: its classifier is random", teacher=changed(has_classifier=False))
    refused("mute: has no classifier; name it with --run", teacher=networks / "mute")
    refused("no head 'confidence'", "--selector=confidence", run="teacher")
    refused("the sampler has no classifier", "--selector=entropy", run="mute")
    save_sampler(networks / "nothing", video_run, classifier=False, confidence=False)
    refused("nothing: has neither a classifier nor a head 'confidence'", run="nothing")
    refused(
        "nothing: has no classifier; train a run with labels from", teacher=networks / "nothing"
    )
    # Clips that are chosen without looking need no sampler: no one asks what it can do.
    asked(networks, [files / "c.mp4"], "--k=1", "--selector=random", sampler="nothing")
    # Of other classes a sampler without a classifier may choose.
    asked(networks, [files / "c.mp4"], "--k=1", sampler="mute")
