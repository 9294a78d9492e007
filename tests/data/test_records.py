import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import simplejpeg
import tensorflow_datasets as tfds
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter
from record_files import build_squares

from vidkd_jax.data import RecordDataset
from vidkd_jax.data.records import record_starts, run_length
from vidkd_jax.errors import InputError


@pytest.fixture
def folder(square_records):
    return square_records / "ucf101/split1/1.0.0"


def test_frames_are_those_that_tfds_reads(folder):
    dataset = RecordDataset(folder, "test")
    numbers = np.asarray([3, 0, 3])
    for index, record in enumerate(tfds.builder_from_directory(folder).as_data_source("test")):
        assert list(dataset.encoded(index)) == list(record["frames"])
        wanted = [
            simplejpeg.decode_jpeg(record["frames"][number], colorspace="RGB") for number in numbers
        ]
        assert np.array_equal([*dataset.frames(index, numbers)], wanted)


def test_frames_across_records(folder, square_videos, tmp_path):
    """Any length of runs gives the same frames, and only the records with these frames are read."""
    out = build_squares(square_videos, tmp_path, frames_per_record=5)
    whole, runs = RecordDataset(folder, "test"), RecordDataset(out / "ucf101/split1/1.0.0", "test")
    assert len(runs._source) > len(whole._source)
    numbers = np.asarray([4, 5, 5, 0, 11])
    for video in whole.videos:
        assert np.array_equal(
            [*runs.frames(video.index, numbers)], [*whole.frames(video.index, numbers)]
        )
        assert runs.encoded(video.index) == whole.encoded(video.index)
    runs._source = _Spy(runs._source)
    assert len([*runs.frames(1, np.asarray([6, 7, 9]))]) == 3
    assert runs._source.read == [runs._starts[1] + 1]


class _Spy:
    def __init__(self, source):
        self._source, self.read = source, []

    def __getitem__(self, record):
        self.read.append(record)
        return self._source[record]


@pytest.mark.parametrize(
    ("num_frames", "length", "records"),
    [(1, 1, 1), (34, 34, 1), (47, 47, 1), (48, 24, 2), (64, 32, 2), (100, 34, 3), (300, 34, 9)],
)
def test_runs_are_of_equal_length(num_frames, length, records):
    """Records have about 32 frames, divided evenly, so that no record has only one or two."""
    assert run_length(num_frames, 32) == length
    assert record_starts([num_frames], 32) == [0, records]
    assert record_starts([num_frames, num_frames], None) == [0, 1, 2]


def test_records_that_do_not_say_their_length(folder, tmp_path):
    """Records of earlier versions hold a whole video each."""
    copy = shutil.copytree(folder, tmp_path / "records")
    description = json.loads((copy / "dataset.json").read_text())
    del description["frames_per_record"]
    (copy / "dataset.json").write_text(json.dumps(description))
    before, after = RecordDataset(folder, "test"), RecordDataset(copy, "test")
    numbers = np.asarray([3, 0, 3])
    for video in before.videos:
        assert np.array_equal(
            [*before.frames(video.index, numbers)], [*after.frames(video.index, numbers)]
        )


@pytest.mark.parametrize("value", [0, "32"])
def test_run_lengths_that_are_none(folder, tmp_path, value):
    copy = shutil.copytree(folder, tmp_path / "records")
    description = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps(description | {"frames_per_record": value}))
    with pytest.raises(InputError, match=r"cannot be read \(dataset.json: (Value|Type)Error"):
        RecordDataset(copy, "test")


def test_compressed_records_of_other_writers_are_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "records")
    (shard,) = copy.glob("*test.array_record*")
    source = ArrayRecordDataSource(str(shard))
    records = list(source)
    size = shard.stat().st_size
    writer = ArrayRecordWriter(str(shard), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()
    assert shard.stat().st_size < size  # so ours are not compressed
    before, after = RecordDataset(folder, "test"), RecordDataset(copy, "test")
    for index in range(len(before.videos)):
        assert list(before.encoded(index)) == list(after.encoded(index))


def test_names_are_utf8_in_any_locale(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "records")
    for name, old, new in [
        ("dataset.json", '"Left"', '"gauche à côté"'),
        ("videos-test.csv", "v_Left_g01_c01", "à_côté"),
    ]:
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    script = """
import sys, pathlib
from vidkd_jax.data import record_sets, records
folder = pathlib.Path(sys.argv[1])
print(ascii([record_sets.read_info(folder)["class_names"][0],
             records._read_index(folder, "test", 2)[0].id]))
"""
    process = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script, str(copy)],
        env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.strip() == ascii(["gauche à côté", "à_côté"]), process.stderr


def test_index_that_is_no_csv_file(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "records")
    with (copy / "videos-test.csv").open("a") as file:
        file.write("x" * 140_000)
    with pytest.raises(InputError, match=r"videos-test.csv: Error field larger"):
        RecordDataset(copy, "test")


def test_an_index_with_a_label_that_is_no_class(folder, tmp_path):
    for label in (-1, 2):
        copy = shutil.copytree(folder, tmp_path / str(label))
        index = copy / "videos-test.csv"
        rows = index.read_text().replace("v_Right_g01_c01,1,", f"v_Right_g01_c01,{label},")
        index.write_text(rows)
        with pytest.raises(InputError, match=rf"video 'v_Right_g01_c01' has label {label}"):
            RecordDataset(copy, "test")


def test_records_of_more_videos_than_the_index_lists(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "records")
    description = json.loads((copy / "dataset.json").read_text())
    description["counts"]["test"] += 1
    (copy / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"it holds 4 records, and the index lists 4 videos in 4"):
        RecordDataset(copy, "test")


def test_an_index_in_another_order_is_refused(folder, tmp_path):
    """Its labels would be given to other videos' frames."""
    copy = shutil.copytree(folder, tmp_path / "records")
    heads, *rows = (copy / "videos-test.csv").read_text().splitlines(keepends=True)
    (copy / "videos-test.csv").write_text("".join([heads, *reversed(rows)]))
    dataset = RecordDataset(copy, "test")
    with pytest.raises(InputError, match=r"video 'v_\w+': 'v_\w+' is in its place; is the index"):
        next(dataset.frames(0, np.asarray([0])))


@pytest.mark.parametrize(
    ("name", "value"), [("counts", {}), ("counts", 3), ("class_names", None), ("fps", "fast")]
)
def test_descriptions_of_another_kind_are_damaged(folder, tmp_path, name, value):
    copy = shutil.copytree(folder, tmp_path / "records")
    description = json.loads((copy / "dataset.json").read_text()) | {name: value}
    (copy / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"records '.*' cannot be read \(.*\); check them"):
        RecordDataset(copy, "test")


def test_a_cause_without_words(folder, monkeypatch):
    def failing(*_):
        raise RuntimeError

    monkeypatch.setattr(tfds, "builder_from_directory", failing)
    with pytest.raises(InputError, match=r"cannot be read \(no cause is given\); check them"):
        RecordDataset(folder, "test")
