"""What build says of the videos: groups that look alike, frame rates, and how to go on."""

import argparse
import json
import shlex
from pathlib import Path

import av
import numpy as np
import pytest
from record_files import index
from video_files import numbered_frames

from data_prep import build, notices
from data_prep import check as check_records
from vidkd_jax.annotations import Entry, read_dataset
from vidkd_jax.data import RecordDataset, RecordSet, open_records
from vidkd_jax.data.files import open_listed
from vidkd_jax.errors import InputError
from vidkd_jax.inference.loaded import cutting_of
from vidkd_jax.run.saved import saved_fields
from vidkd_jax.settings import config_files
from vidkd_jax.settings.config import overrides
from vidkd_jax.video import write_video


def picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


def record(path, seed, created=None):
    """Writes a video of noise over a picture; the seed decides on the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(path.stem.encode()))
    noisy = picture(seed).astype(int) + rng.integers(-3, 4, (24, 36, 3))
    frames = [np.clip(noisy, 0, 255).astype(np.uint8)] * 4
    if created is None:
        write_video(path, frames, 25)
        return
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = created
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 24, 36, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def convert(tmp_path, *flags, dataset="folder", **options):
    values = dict(
        dataset=dataset, videos=tmp_path / "v", out=tmp_path / "out", short_side=16, workers=1
    )
    build.main([*(f"--{k}={v}" for k, v in (values | options).items()), *flags])


def info(tmp_path, name="folder"):
    return json.loads((tmp_path / f"out/{name}/split1/1.0.0/dataset.json").read_text())


@pytest.mark.parametrize(
    ("seeds", "times", "alike"),
    [
        ((1, 2, 3, 4), (None,) * 4, 0),
        ((1, 2, 1, 4), (None,) * 4, 1),
        (
            (1, 2, 3, 4),
            ("2024-05-01T10:00:00", "2024-05-02T10:00:00", "2024-05-01T10:00:00", None),
            1,
        ),
        ((1, 2, 3, 4), ("2024-05-01T10:00:00",) * 4, 0),  # of the program that wrote them
    ],
    ids=["different", "the same picture", "the same second", "all in the same second"],
)
def test_test_videos_that_look_trained_on_are_said(tmp_path, capsys, seeds, times, alike):
    names = ["train/a/1", "train/b/2", "test/a/3", "test/b/4"]
    for name, seed, time in zip(names, seeds, times, strict=True):
        record(tmp_path / f"v/{name}.mp4", seed, time)
    convert(tmp_path)
    said = capsys.readouterr().out
    assert (info(tmp_path)["alike"], "give them one group" in said) == (alike, alike > 0)
    assert not alike or "1 of 2 test videos begin with nearly the same picture" in said
    assert not alike or "such as 'test/a/3' and 'train/a/1'" in said
    assert info(tmp_path)["groups"] == {"given": 0, "guessed": 0, "unknown": 4}
    folder = tmp_path / "out/folder/split1/1.0.0"
    assert RecordDataset(folder, "train").groups == info(tmp_path)["groups"]


def test_videos_that_begin_black_are_not_alike(tmp_path):
    for name in ("train/a/1", "train/b/2", "test/a/3", "test/b/4"):
        path = tmp_path / f"v/{name}.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, [np.zeros((24, 36, 3), np.uint8), picture(1)], 25)
    convert(tmp_path)
    assert info(tmp_path)["alike"] == 0


@pytest.fixture
def rates(tmp_path):
    """A second of each of four videos, at 10, 10, 20 and 30 frames a second."""
    for name, rate in (("train/a/1", 10), ("train/b/2", 10), ("test/a/3", 20), ("test/b/4", 30)):
        path = tmp_path / f"v/{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, numbered_frames(rate, height=24, width=36), rate)
    return tmp_path


def test_frame_rates_that_differ_are_said(rates, capsys):
    convert(rates)
    message = (
        "frame rates differ: from 10 ('train/a/1') to 30 a second ('test/b/4'), most often 10 (2 "
        "of 4 videos), so a clip lasts up to 3 times as long in one video as in another; "
    )
    assert message + "data_prep.build with --fps stores" in capsys.readouterr().out
    dataset = read_dataset("folder", None, rates / "v")
    open_listed(dataset, short_side=16)("test")
    assert "frame rates differ: from 20 ('test/a/3') to 30" not in capsys.readouterr().err
    open_listed(dataset, short_side=16)("train")
    assert "frame rates differ" not in capsys.readouterr().err


def test_records_and_files_agree_at_one_frame_rate(rates, command, capsys):
    convert(rates, fps=10)
    for split in ("train", "test"):
        assert [row["num_frames"] for row in index(rates / "out", "folder", split)] == ["10"] * 2
        assert [row["fps"] for row in index(rates / "out", "folder", split)] == ["10.0"] * 2
        options = dict(short_side=16, fps=10.0)
        records = open_records(RecordSet(rates / "out", "folder", split=1, **options))(split)
        files = open_listed(read_dataset("folder", None, rates / "v"), **options)(split)
        assert [v.num_frames for v in files.videos] == [v.num_frames for v in records.videos]
        for number in range(2):
            pairs = zip(
                files.frames(number, np.array([9, 4])),
                records.frames(number, np.array([9, 4])),
                strict=True,
            )
            assert all(np.abs(a.astype(int) - b).mean() < 4 for a, b in pairs)
    capsys.readouterr()
    assert command(check_records.main, data=rates / "out", annotations=rates / "v")[0] == 0


def test_records_of_another_frame_rate_are_refused(rates, command):
    convert(rates, fps=10)
    where = dict(split=1, short_side=16)
    with pytest.raises(InputError, match=r"data\.fps: 0, but .* have 10 .*; set data\.fps to 10"):
        open_records(RecordSet(rates / "out", "folder", **where))
    with pytest.raises(InputError, match=r"data\.fps: 5, .* convert again with --fps=5"):
        open_records(RecordSet(rates / "out", "folder", **where, fps=5.0))
    flags = dict(dataset="folder", videos=rates / "v", out=rates / "out", short_side=16)
    status, line = command(build.main, **flags)
    assert (status, "was made with fps=10.0" in line) == (2, True)


def test_predict_brings_videos_to_the_rate_of_the_run(tmp_path):
    (tmp_path / "config.json").write_text('{"data": {"fps": 12.5, "short_side": 40}}')
    cutting = cutting_of(saved_fields(tmp_path), None)
    assert (cutting.fps, cutting.short_side) == (12.5, 40)


@pytest.mark.parametrize("fps", ["0", "-3", "fast", "5000"])
def test_frame_rates_that_make_no_sense(small, command, fps):
    assert command(build.main, **small, fps=fps)[0] == 2


def config_of(words):
    """Returns the config that flags of the command line make."""
    file, _, argument = words[0].removeprefix("--config=").partition(":")
    return config_files.load(config_files.find(file), argument, overrides(words[1:]))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"dataset": "ucf101"}, "--config=ty_r18:ucf101 --workdir=runs/ucf101"),
        ({"dataset": "hmdb51", "split": 2}, "--config=ty_r18:hmdb51 --config.data.split=2"),
        ({"dataset": "marionette", "short_side": 56}, "--config=ty_r18:marionette --workdir"),
        (
            {"dataset": "marionette", "name": "marionette_small", "short_side": 56},
            "--config=ty_r18:marionette_small --workdir",
        ),
        ({"dataset": "utd_mhad"}, "--config.data.short_side=128 --config.data.crop=112 --workdir"),
        ({"dataset": "utd_mhad", "short_side": 64}, "--config=ty_r18:utd_mhad --workdir"),
        (
            {"dataset": "csv", "name": "marionette_scene", "short_side": 56},
            "--config=frame_teacher:scene --workdir=runs/marionette_scene",
        ),
        ({"name": "mine", "short_side": 64}, "--config=ty_r18:laptop --workdir=runs/mine"),
        (
            {"name": "large"},
            "--config=ty_r18 --config.data.name=large --workdir=runs/large",
        ),
        (
            {"short_side": 80, "fps": 15.0, "out": "my records"},
            "--config=ty_r18:laptop --config.data.name=folder --config.data.short_side=80 "
            "--config.data.crop=72 --config.data.fps=15.0 '--config.data.root=my records'",
        ),
    ],
)
def test_the_next_command_is_right(tmp_path, flags, expected):
    values = dict(dataset="folder", short_side=128, fps=0.0, split=1, out="data", name=None)
    values |= flags
    values["out"] = Path(values["out"])
    dataset = build.Dataset(values["name"] or values["dataset"], ("a", "b"), ())
    line = build.next_command(argparse.Namespace(**values), dataset)
    assert expected in line
    config = config_of(shlex.split(line)[3:-1])
    assert config.data.name == dataset.name
    assert (config.data.short_side, config.data.fps) == (values["short_side"], values["fps"])
    assert config.data.crop <= config.data.short_side


def test_the_next_command_names_the_folder_where_another_one_is_usual(monkeypatch):
    values = dict(dataset="ucf101", short_side=128, fps=0.0, split=1, name=None)
    dataset = build.Dataset("ucf101", ("a", "b"), ())
    monkeypatch.setenv("VIDKD_DATA", "usual")
    for out, named in (("data", True), ("usual", False)):
        line = build.next_command(argparse.Namespace(**values, out=Path(out)), dataset)
        assert (f"--config.data.root={out}" in line) == named


def test_the_next_command_of_few_videos_has_a_smaller_batch():
    """Ten groups train, of which the laptop's recipe holds out two."""
    values = dict(dataset="folder", short_side=64, fps=0.0, split=1, name="few", out=Path("data"))
    for per_group, named in ((1, True), (2, False)):
        entries = tuple(
            Entry(f"{g}_{n}", Path("v.mp4"), g % 2, f"g{g}", "train" if g else "test")
            for g in range(9)
            for n in range(per_group)
        )
        dataset = build.Dataset("few", ("a", "b"), entries)
        line = build.next_command(argparse.Namespace(**values), dataset)
        assert ("--config.train.batch_size=6 " in line) == named, line


def test_a_picture_is_compared_with_all_that_can_be_alike():
    rng = np.random.default_rng(0)
    every = rng.uniform(0, 255, (40, 1)) + rng.normal(0, 20, (40, 256))
    nearest = notices._Nearest([*every.astype(np.float32)])
    for place, thumbnail in enumerate(every):
        assert nearest.to((thumbnail + rng.normal(0, 0.5, 256)).astype(np.float32)) == place
        assert nearest.to((thumbnail + rng.normal(0, 5, 256)).astype(np.float32)) is None
        darker = (thumbnail - 0.02 * thumbnail.std()).astype(np.float32)  # by less than the limit
        assert nearest.to(darker) == place
    assert nearest.to(np.full(256, every[0].mean(), np.float32)) is None  # shows nothing


def test_the_next_command_is_printed(rates, capsys):
    convert(rates, "--name=mine")
    for _ in range(2):
        said = capsys.readouterr().out
        assert "\n2 classes: a, b\nnext: python -m vidkd_jax.main --config=ty_r18:laptop" in said
        convert(rates, "--name=mine")


def test_a_class_that_cannot_be_learnt_is_refused_before_anything_is_converted(tmp_path):
    for name in ("train/a/1", "train/b/2", "test/a/3", "test/b/4", "test/c/5"):
        record(tmp_path / f"v/{name}.mp4", 1)
    with pytest.raises(InputError, match="1 of 3 classes have no training video, such as 'c'"):
        convert(tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_class_that_is_not_tested_and_a_lack_of_validation_are_said(tmp_path, capsys):
    for number, name in enumerate(("train/a/1", "train/b/2", "test/a/3")):
        record(tmp_path / f"v/{name}.mp4", number)
    convert(tmp_path)
    said = capsys.readouterr().out
    assert "classes without test videos: b" in said
    assert "no group of training videos can be held out" in said
