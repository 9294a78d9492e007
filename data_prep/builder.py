"""Staged videos to ArrayRecord files with TFDS metadata, in list order.

A record is a run of consecutive frames of one video: ArrayRecord reads records whole, and a clip is
a small part of a long video.

TFDS's `GeneratorBasedBuilder` passes every example through a shuffler that keeps a split in memory
and, beyond 1 GB, needs TensorFlow (tensorflow_datasets/core/shuffle.py, 4.9.10).
`ShardBasedBuilder` is its sibling without one: records stream to disk in the order of the lists.
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

# Few, large files: a reader keeps all of them open. 256 is well below the usual limit of 1,024.
_SHARD_BYTES = 2**28
_MAX_SHARDS = 256


class _Example(Mapping[str, Any]):
    """A record's features; the frames are read when they are asked for and not kept.

    TFDS keeps the examples of a shard until it has counted them; these are small.
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
    """Writes records that are always the same bytes, and are read without decompression.

    Protocol buffers write a map in the order of a hash that each process seeds anew: here the
    features are ordered. Compression would save a sixth of the JPEGs' bytes and double the time
    that a record takes to be read.
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


class VideoRecords(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Writes the records of one split number of one dataset."""

    VERSION = tfds.core.Version(VERSION)
    # Where TFDS would look for checksums of downloads, with a package that it does not require.
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
        """Takes what to write.

        Args:
          name: Of the dataset; the name of the folder in `data_dir`.
          config_name: Of the TFDS config; the folder below that.
          class_names: Names by label.
          splits: The videos of each split, in record order.
          frames_per_record: About; a longer video is several records, one after the other.
          progress: Advances by one per video.
          data_dir: Where TFDS puts name/config_name/version.
        """
        absl.logging.set_verbosity(absl.logging.ERROR)  # it warns of configurations like this one
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
            # Bytes, not tfds.features.Image or Video: those need TensorFlow.
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
        return tfds.core.DatasetInfo(
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
    """Writes everything and returns the records' folder.

    Raises:
      OSError: The disk is full.
    """
    try:
        with redirect_stdout(io.StringIO()):  # "Downloading ...", which it does not
            builder.download_and_prepare(download_dir=builder.data_dir_root / "downloads")
    except RuntimeError as error:  # ArrayRecord's; the system's message is in its text
        for code in DISK_FULL:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code)) from error
        raise
    return Path(builder.data_dir)


def _shards(videos: Sequence[Converted]) -> list[Sequence[Converted]]:
    """Cuts a split into runs of videos of about equal bytes."""
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
