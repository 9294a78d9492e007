import shutil

import numpy as np
import pytest
import simplejpeg
import tensorflow_datasets as tfds
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter

from vidkd_jax.data import RecordDataset


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
        assert np.array_equal(dataset.frames(index, numbers), wanted)


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
