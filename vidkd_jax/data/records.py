"""Reads the records that `python -m data_prep.build` writes, and decodes only the frames it needs.

A record holds a run of consecutive JPEG frames of one video; `run_length` gives its length. The
records of a video are consecutive, and videos are in the order of the index.
"""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from google.protobuf.message import DecodeError

from vidkd_jax.data.record_sets import read_info, unreadable
from vidkd_jax.data.videos import WHOLE_FRAME, Video
from vidkd_jax.errors import InputError
from vidkd_jax.video.flow import decode_flow


def run_length(num_frames: int, frames_per_record: int | None) -> int:
    """Returns how many frames each record of a video holds; the last record may hold fewer.

    Args:
      num_frames: Number of frames of the video.
      frames_per_record: Approximate number of frames in a record, from dataset.json; None means
        that a record is a whole video.
    """
    if frames_per_record is None:
        return num_frames
    num_runs = max((num_frames + frames_per_record // 2) // frames_per_record, 1)
    return -(-num_frames // num_runs)


def record_starts(num_frames: Iterable[int], frames_per_record: int | None) -> list[int]:
    """Returns the number of the first record of each video, and at the end that of all records."""
    counts = (-(-number // run_length(number, frames_per_record)) for number in num_frames)
    return list(itertools.accumulate(counts, initial=0))


class RecordDataset:
    """One split of a data set's records; see `VideoDataset`.

    Attributes:
      videos: The videos, in record order.
      class_names: Class names, indexed by label.
      groups: See `VideoDataset`.
      parts: See `VideoDataset`.

    Raises:
      InputError: The records lack the split, or are damaged.
    """

    parts = WHOLE_FRAME

    def __init__(self, folder: Path, split: str) -> None:
        info = read_info(folder)
        self.class_names = tuple(info["class_names"])
        self.groups: Mapping[str, int] = info["groups"]
        self._decode = DECODERS[info["modality"]]
        self.videos = _read_index(folder, split, len(self.class_names))
        self._folder, self._split = folder, split
        self._source, self._parse = self._open()
        self._frames_per_record = info["frames_per_record"]
        num_frames = [video.num_frames for video in self.videos]
        self._starts = record_starts(num_frames, self._frames_per_record)
        if len(self.videos) != info["counts"].get(split) or len(self._source) != self._starts[-1]:
            cause = (
                f"it holds {len(self._source)} records, and the index lists {len(self.videos)} "
                f"videos in {self._starts[-1]} records"
            )
            raise unreadable(folder, cause)

    def _open(self) -> tuple[Any, Callable[[bytes], Any]]:
        """Returns the serialised records and their parser.

        The parser of TFDS turns all frames of a record into an array of objects, which takes as
        long as decoding a clip. The protocol buffer copies a frame only on access.
        """
        import tensorflow_datasets as tfds  # takes a second, so only imported to read records
        from tensorflow_datasets.proto import tf_example_pb2

        try:
            builder = tfds.builder_from_directory(self._folder)
            as_stored = tfds.decode.DeserializeMethod.RAW_BYTES
            source = builder.as_data_source(self._split, deserialize_method=as_stored)
        except Exception as error:
            raise unreadable(self._folder, str(error)) from error
        return source, tf_example_pb2.Example.FromString

    def __getstate__(self) -> tuple[Path, str]:
        return self._folder, self._split  # worker processes open the files again

    def __setstate__(self, state: tuple[Path, str]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def encoded(self, index: int, numbers: Iterable[int] | None = None) -> list[bytes]:
        """Returns the JPEG bytes of the frames `numbers` (None means all) of video `index`.

        Raises:
          InputError: A record is damaged.
        """
        video = self.videos[index]
        wanted = range(video.num_frames) if numbers is None else list(numbers)
        length = run_length(video.num_frames, self._frames_per_record)
        runs = {
            run: self._read(index, self._starts[index] + run, run * length)
            for run in {number // length for number in wanted}
        }
        try:
            return [runs[number // length][number % length] for number in wanted]
        except IndexError as error:
            raise self._damaged(index, error) from error

    def frames(self, index: int, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the frames `numbers` of video `index`, each uint8 [h, w, 3], or flow [h, w, 2].

        Raises:
          InputError: A record is damaged.
        """
        wanted = numbers.tolist()
        last, frame = None, np.empty(0)
        for number, jpeg in zip(wanted, self.encoded(index, wanted), strict=True):
            if number != last:  # a video that is too short repeats its last frame
                try:
                    last, frame = number, self._decode(jpeg)
                except ValueError as error:
                    raise self._damaged(index, error) from error
            yield frame

    def _read(self, index: int, record: int, first: int) -> Sequence[bytes]:
        """Returns the frames in a record of video `index`, which begins with frame `first`."""
        try:
            features = self._parse(self._source[record]).features.feature
        except (RuntimeError, ValueError, IndexError, DecodeError) as error:
            raise self._damaged(index, error) from error
        own = [*features["id"].bytes_list.value]
        begins = [*features["first_frame"].int64_list.value]
        if own not in ([], [self.videos[index].id.encode()]) or begins not in ([], [first]):
            its = ", ".join(name.decode(errors="replace") for name in own)
            raise self._damaged(index, ValueError(f"'{its}' is in its place; is the index sorted?"))
        return features["frames"].bytes_list.value

    def _damaged(self, index: int, error: Exception) -> InputError:
        return unreadable(self._folder, f"video '{self.videos[index].id}': {error}")


def _decode_rgb(jpeg: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB")


# For each modality, the function that decodes a stored frame to uint8 [h, w, c].
DECODERS: Mapping[str, Callable[[bytes], np.ndarray]] = {"rgb": _decode_rgb, "flow": decode_flow}


def _read_index(folder: Path, split: str, num_classes: int) -> list[Video]:
    path = folder / f"videos-{split}.csv"
    if not path.exists():
        splits = ", ".join(
            sorted(p.stem.removeprefix("videos-") for p in folder.glob("videos-*.csv"))
        )
        raise InputError(
            f"'{path}' is missing, because these records only have the splits {splits}; "
            "to validate on groups of the training split, set data.val='groups'"
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            videos = [
                Video(row["id"], int(row["label"]), row["group"], int(row["num_frames"]), index)
                for index, row in enumerate(csv.DictReader(file))
            ]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise unreadable(folder, f"{path.name}: {type(error).__name__} {error}") from error
    for video in videos:
        if not (0 <= video.label < num_classes and video.num_frames > 0):
            raise unreadable(folder, f"{path.name}: video '{video.id}' has label {video.label}")
    return videos
