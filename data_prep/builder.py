"""Writes staged videos to ArrayRecord files with TFDS metadata, in the order of the lists.

A record holds a run of consecutive frames of one video, not the whole video: ArrayRecord always
reads a whole record, and a clip is only a small part of a long video.

The builder is a TFDS `ShardBasedBuilder`, which streams records to disk in the given order. TFDS's
`GeneratorBasedBuilder` shuffles instead: it keeps a split in memory and needs TensorFlow when the
split is larger than 1 GB (tensorflow_datasets/core/shuffle.py, 4.9.10).
"""

import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import absl.logging
import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.writer import ExampleWriter
from tensorflow_datasets.proto import tf_example_pb2
from tqdm import tqdm

from data_prep.output import VERSION, Converted
from data_prep.staging import FrameRun
from vidkd_jax.data.records import run_length
from vidkd_jax.errors import DISK_FULL

# A reader keeps all files open, so there are few, large files. Systems usually limit a process to
# 1,024 open files; 256 is well below that.
_SHARD_BYTES = 2**28
_MAX_SHARDS = 256


class _Example(Mapping[str, Any]):
    """The features of one record. The frames are read on access and not kept.

    TFDS holds all examples of a shard in memory until it has counted them; without their frames
    these examples are small.
    """

    def __init__(self, converted: Converted, run: FrameRun) -> None:
        self._run = run
        self._features = {
            "first_frame": run.first_frame,
            "label": converted.entry.label,
            "id": converted.entry.id,
            "group": converted.entry.group,
            "fps": converted.video.fps,
            "num_frames": converted.video.num_frames,
            "height": converted.video.height,
            "width": converted.video.width,
        }

    def __getitem__(self, name: str) -> Any:
        return self._run.read() if name == "frames" else self._features[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("frames", *self._features))

    def __len__(self) -> int:
        return 1 + len(self._features)


class _Writer(ExampleWriter):
    """Writes uncompressed records whose bytes are the same in every run.

    Protocol buffers serialise a map in the order of a hash that is seeded anew in each process, so
    this writer serialises the features in a fixed order. Compression would make the JPEG bytes a
    sixth smaller, but would double the time to read a record.
    """

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> None:
        """Writes one file of (key, serialised example)."""
        writer = ArrayRecordWriter(os.fspath(path), "group_size:1,uncompressed")
        for _, example in examples:
            writer.write(_stable(example))
        writer.close()


def _stable(example: bytes) -> bytes:
    parsed = tf_example_pb2.Example.FromString(example)
    return parsed.SerializeToString(deterministic=True)


class _Info(tfds.core.DatasetInfo):
    """What TFDS knows of records that are made here."""

    def initialize_from_bucket(self) -> None:
        """Does nothing: TFDS has none of these records, and would leave an empty folder in /tmp."""


class VideoRecords(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Writes the records of one split number of one dataset."""

    VERSION = tfds.core.Version(VERSION)
    # TFDS would look for checksums of downloads here, with a package that it does not require.
    code_path = None

    def __init__(
        self,
        *,
        name: str,
        config_name: str,
        class_names: Sequence[str],
        splits: Mapping[str, Sequence[Converted]],
        frames_per_record: int,
        progress: tqdm,
        data_dir: Path,
    ) -> None:
        """Stores what to write.

        Args:
          name: Name of the dataset, and of its folder in `data_dir`.
          config_name: Name of the TFDS config, and of the folder below `name`.
          class_names: Class names, indexed by label.
          splits: The videos of each split, in record order.
          frames_per_record: Approximate number of frames in a record. A longer video becomes
            several consecutive records.
          progress: Progress bar, which advances by one per video.
          data_dir: Folder in which TFDS creates name/config_name/version.
        """
        absl.logging.set_verbosity(absl.logging.ERROR)  # TFDS warns about configs like this one
        self.name = name
        self._class_names = list(class_names)
        self._splits = splits
        self._frames_per_record = frames_per_record
        self._progress = progress
        super().__init__(
            data_dir=data_dir,
            config=tfds.core.BuilderConfig(name=config_name, version=VERSION),
            file_format="array_record",
        )

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            # Plain bytes, because tfds.features.Image and Video need TensorFlow.
            "frames": tfds.features.Sequence(tfds.features.Tensor(shape=(), dtype=np.object_)),
            "first_frame": np.int32,
            "label": tfds.features.ClassLabel(names=self._class_names),
            "id": tfds.features.Text(),
            "group": tfds.features.Text(),
            "fps": np.float32,
            "num_frames": np.int32,
            "height": np.int32,
            "width": np.int32,
        }
        return _Info(
            builder=self,
            description="Videos as JPEG frames; a record is a run of frames of one video.",
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _example_writer(self) -> ExampleWriter:
        return _Writer(file_format=self.info.file_format)

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator[tuple[int, Mapping[str, Any]]]]]]:
        del dl_manager  # nothing is downloaded
        return {
            split: [partial(self._examples, shard) for shard in _shards(videos)]
            for split, videos in self._splits.items()
        }

    def _examples(self, shard: Sequence[Converted]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        keys = itertools.count()
        for converted in shard:
            length = run_length(converted.video.num_frames, self._frames_per_record)
            for run in converted.video.runs(length):
                yield next(keys), _Example(converted, run)
            self._progress.update()


def write_records(builder: VideoRecords) -> Path:
    """Writes all records and returns their folder.

    Raises:
      OSError: The disk is full.
    """
    try:
        with redirect_stdout(io.StringIO()):  # TFDS prints "Downloading ...", but downloads nothing
            builder.download_and_prepare(download_dir=builder.data_dir_root / "downloads")
    except RuntimeError as error:  # from ArrayRecord, with the system's message in its text
        for code in DISK_FULL:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code)) from error
        raise
    return Path(builder.data_dir)


def _shards(videos: Sequence[Converted]) -> list[Sequence[Converted]]:
    """Cuts a split into runs of consecutive videos that hold about the same number of bytes."""
    total = sum(converted.video.num_bytes for converted in videos)
    limit = max(_SHARD_BYTES, total / _MAX_SHARDS)
    shards: list[list[Converted]] = []
    used = limit
    for converted in videos:
        if used >= limit:
            shards.append([])
            used = 0
        shards[-1].append(converted)
        used += converted.video.num_bytes
    return list(shards)
