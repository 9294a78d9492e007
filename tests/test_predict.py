"""Predictions of a finished run for video files that are in no list."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import build
from video_files import damage, moving_texture

from vidkd_jax import methods, predict, train
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.collect import collect
from vidkd_jax.evaluation.predictions import Predictions, softmax
from vidkd_jax.inference.sources import Source
from vidkd_jax.networks import weights
from vidkd_jax.samplers import Segments
from vidkd_jax.video import write_video


@pytest.fixture
def run(video_run):
    return video_run


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def answers_of_run(run, root):
    """Returns the test split's videos of a run, and the probabilities that it gave them."""
    with np.load(run / "predictions.npz") as saved:
        names, videos = np.unique(saved["videos"], return_inverse=True)
        wanted, _, _ = Predictions(saved["logits"], saved["labels"], videos).by_video("softmax")
    return [next((root / "videos").rglob(f"{name}.mp4")) for name in names], wanted


def asked(run, files, capsys):
    """Returns the probabilities of `Left` that prediction gives the videos."""
    predict.main([f"--run={run}", "--json", *map(str, files)])
    lines = objects(capsys.readouterr().out)
    return [{e["name"]: e["probability"] for e in line["classes"]}["Left"] for line in lines]


def test_new_videos_get_what_the_test_split_got(run, square_videos, capsys):
    files, wanted = answers_of_run(run, square_videos)
    predict.main([f"--run={run}", "--json", "--batch_size=3", *map(str, files)])
    found = objects(capsys.readouterr().out)
    assert [line["video"] for line in found] == [str(file) for file in files]
    for line, probabilities in zip(found, wanted, strict=True):
        by_name = {entry["name"]: entry["probability"] for entry in line["classes"]}
        got = [by_name["Left"], by_name["Right"]]
        np.testing.assert_allclose(got, probabilities, atol=1e-5)
        assert got[0] >= got[1] or line["classes"][0]["name"] == "Right"  # most probable first


def test_calibrated_probabilities(run, square_videos, tmp_path, capsys):
    """The clips' logits are divided before they are averaged, as all clips or some are."""
    summary = json.loads((run / "summary.json").read_text())
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "summary.json").write_text(
        json.dumps(summary | {"video_temperature": 4.0, "clip_temperature": 2.0})
    )
    with np.load(run / "predictions.npz") as saved:
        name, own = saved["videos"][0], saved["videos"] == saved["videos"][0]
        logits = saved["logits"][own]
    file = next((square_videos / "videos").rglob(f"{name}.mp4"))
    some = ["--selector=entropy", "--k=9"]
    times = tmp_path / "t.json"
    for flags, temperature in (([], 4), (some, 2), (["--stop_at=1"], 2)):
        flags = ["--json", "--calibrated", f"--timeline={times}", *flags]
        predict.main([f"--run={copy}", *flags, str(file)])
        (found,) = objects(capsys.readouterr().out)
        got = {entry["name"]: entry["probability"] for entry in found["classes"]}
        wanted = softmax(logits / temperature).mean(axis=0)
        np.testing.assert_allclose([got["Left"], got["Right"]], wanted, atol=1e-5)
        (timeline,) = json.loads(times.read_text())
        clips = [clip["probability"] for clip in timeline["clips"]]  # of one clip alone
        np.testing.assert_allclose(clips, softmax(logits / 2).max(axis=1), atol=1e-5)
    del summary["video_temperature"]
    (copy / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(InputError, match=r"--calibrated: --run=.*copy has no 'video_temp"):
        predict.main([f"--run={copy}", "--calibrated", str(file)])


def test_a_folder_is_searched_and_bad_files_are_listed_at_the_end(
    run, square_videos, tmp_path, capsys
):
    good = next((square_videos / "videos").rglob("*.mp4"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.MP4").write_bytes(good.read_bytes())
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:200])
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(InputError, match=r"1 of 2 videos cannot be read \(listed above\)"):
        predict.main([f"--run={run}", "--top=1", str(tmp_path)])
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    assert line.startswith(f"{tmp_path / 'deep' / 'good.MP4'}: ") and line.endswith("%")
    assert line.count(", ") == 0  # --top=1
    assert "skipped: " in err and "cut.mp4" in err
    assert f"1): {tmp_path / 'notes.txt'}" in err and "left out of" in err


def test_predict_is_never_silent_and_says_what_else_it_can(run, square_videos, capsys):
    file = next((square_videos / "videos").rglob("*.mp4"))
    predict.main([f"--run={run}", "--top=1", str(file)])
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.startswith(f"loading the network of {run}\n")
    assert err.index("compiling") > err.index("loading")
    assert err.endswith("--top=2 prints all 2 classes, --json JSON for programs\n")


def test_a_video_is_printed_as_soon_as_its_clips_are_done(run, square_videos, tmp_path):
    """So a killed command, or one whose reader stops early, has printed the first lines."""
    source = next((square_videos / "videos").rglob("*.mp4"))
    odd = os.fsdecode(b"\xff.mp4")  # a name that is not text
    for name in ("a.mp4", odd):
        shutil.copy(source, tmp_path / name)
    command = [sys.executable, "-m", "vidkd_jax.predict", f"--run={run}", str(tmp_path)]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, text=True, env=strict, check=True)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        str(tmp_path / "a.mp4"),
        str(tmp_path / "\\udcff.mp4"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_clips_of_videos_across_batches():
    videos = [np.array([0, 0, 1]), np.array([1, 3, 3]), np.array([3, 4, 9])]
    masks = [np.array([True] * 3), np.array([True] * 3), np.array([True, True, False])]
    batches = [
        {
            "logits": video[:, None] + np.arange(3.0)[:, None],
            "label": video,
            "video": video,
            "mask": mask,
        }
        for video, mask in zip(videos, masks, strict=True)
    ]
    together = collect(lambda batch: batch, batches).predictions()
    assert together.videos.tolist() == [0, 0, 1, 1, 3, 3, 3, 4]
    rows = np.concatenate([batch["logits"][batch["mask"]] for batch in batches])
    np.testing.assert_array_equal(together.logits, rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run=nothing", "a.mp4"], "'nothing' is no folder"),
        (["nothing.mp4"], r"'nothing\.mp4': there is no such file or folder"),
        (["--top=0", "a.mp4"], "--top=0: give at least 1"),
        (["--max_clips=2", "-"], "--max_clips=2: '-' is a stream, whose length nobody knows"),
        ([f"--timeline={'x' * 300}.csv", "a.mp4"], "--timeline=.*: File name too long; name"),
        ([f"--timeline={'x' * 250}.csv", "a.mp4"], "--timeline=.*: File name too long; name"),
        ([f"--timeline={'x' * 300}/t.csv", "a.mp4"], "--timeline=.*: there is no folder 'xxx"),
        (["--timeline=taken.csv", "a.mp4"], r"--timeline=taken\.csv: Is a directory; name"),
    ],
)
def test_wrong_input(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken.csv").mkdir()
    with pytest.raises(InputError, match=message):
        predict.main([f"--run={run}", *arguments])
    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]


def test_a_damaged_config_is_named(run, square_videos, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"run: config\.json is damaged"):
        predict.main([f"--run={tmp_path / 'run'}", str(square_videos / "videos")])


def test_a_run_without_its_config_is_refused(run, square_videos, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(InputError, match=r"run: has no config\.json, so it is not known how"):
        predict.main([f"--run={tmp_path / 'run'}", str(square_videos / "videos")])
    (tmp_path / "run" / "summary.json").write_text("null")
    with pytest.raises(InputError, match=r"summary\.json' is damaged"):
        predict.main([f"--run={tmp_path / 'run'}", str(square_videos / "videos")])


def test_the_first_interrupt_ends_streams_and_the_second_one_the_command(capsys):
    before = signal.getsignal(signal.SIGINT)
    with predict._ended_by_hand([Source("a.mp4")]) as ended:
        assert signal.getsignal(signal.SIGINT) is before
    with predict._ended_by_hand([Source("-", live=True)]) as ended:
        assert not ended()
        signal.raise_signal(signal.SIGINT)
        assert ended() and "ending the streams" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_without_videos_is_named(run, tmp_path):
    with pytest.raises(InputError, match="holds no video files"):
        predict.main([f"--run={run}", str(tmp_path)])


def test_a_linked_folder_is_named(run, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "linked").symlink_to(tmp_path)
    with pytest.raises(InputError, match="linked: is a link to a folder"):
        predict.main([f"--run={run}", str(tmp_path / "videos")])


def test_a_random_classifier_is_no_prediction(run, square_videos, tmp_path):
    card, variables = weights.load(run)
    weights.save(tmp_path / "new", dataclasses.replace(card, has_classifier=False), variables)
    with pytest.raises(InputError, match="new: its classifier is random"):
        predict.main([f"--run={tmp_path / 'new'}", str(square_videos / "videos")])


def test_a_student_of_residual_frames_is_tested_taught_and_asked_with_them(
    small_config, square_videos, tmp_path, capsys
):
    """Evaluation, prediction and teaching use residual frames because the card says so."""
    videos = {
        "data__source": "videos",
        "data__videos": str(square_videos / "videos"),
        "data__annotations": str(square_videos / "annotations"),
    }
    config = small_config(
        **videos, method__name="supervised", model__residual="circular", train__epochs=1
    )
    train.train_and_evaluate(config, tmp_path / "run")
    card, variables = weights.load(tmp_path / "run")
    assert card.normalisation.residual == "circular"
    files, wanted = answers_of_run(tmp_path / "run", square_videos)
    found = asked(tmp_path / "run", files, capsys)
    np.testing.assert_allclose(found, wanted[:, 0], atol=1e-5)
    # The same weights predict something else on plain frames.
    plain = dataclasses.replace(card.normalisation, residual="none")
    weights.save(tmp_path / "plain", dataclasses.replace(card, normalisation=plain), variables)
    shutil.copy(tmp_path / "run/config.json", tmp_path / "plain")
    other = asked(tmp_path / "plain", files, capsys)
    assert np.abs(np.subtract(found, other)).max() > 1e-3
    # As a teacher it sees residual frames; weights of another input are refused as a start.
    taught = {"method__name": "distillation", "teachers__runs": (str(tmp_path / "run"),)}
    run = build(small_config(**videos, **taught))
    (network,) = run.teachers.networks["frozen"]
    assert network.model.normalisation.residual == "circular"
    assert run.student.model.normalisation.residual == "none"
    with pytest.raises(InputError, match="weights of residual=circular, the run has residual=none"):
        build(small_config(**videos, model__init_from=str(tmp_path / "run")))


def test_a_student_of_sparse_frames_is_asked_with_sparse_frames(
    small_config, square_videos, tmp_path, capsys, monkeypatch
):
    """Its card says how its clips are drawn: one frame of each part of the video, in a tuple."""

    class Sparse(methods.Supervised):
        clips = (1,)

        def sampler(self, frames, stride):
            return Segments(frames, sequences=2)

    method = dataclasses.dataclass(frozen=True)(Sparse)
    monkeypatch.setitem(methods._METHODS, "sparse", method)
    config = small_config(
        data__source="videos",
        data__videos=str(square_videos / "videos"),
        data__annotations=str(square_videos / "annotations"),
        train__epochs=1,
    )
    with config.unlocked():
        config.method.name = "sparse"
    train.train_and_evaluate(config, tmp_path)
    assert weights.load_card(tmp_path).sampler["kind"] == "Segments"
    files, wanted = answers_of_run(tmp_path, square_videos)
    found = asked(tmp_path, files, capsys)
    np.testing.assert_allclose(found, wanted[:, 0], atol=1e-5)
    # A student of dense clips would show it frames that it never saw so.
    taught = small_config(method__name="distillation", teachers__runs=(str(tmp_path),))
    with pytest.raises(InputError, match="sees frames from all over a video, but method 'dist"):
        build(taught)


def test_a_damaged_video_is_predicted_with_a_warning(run, tmp_path, capsys):
    path = tmp_path / "damaged.mp4"
    write_video(path, moving_texture(60, 120, 160), 30, codec="mpeg4", options={"g": "30"})
    damage(path, 0.5)
    predict.main([f"--run={run}", str(path)])
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: ")
    assert f"damaged: {path}: FFmpeg had to patch frames" in err
