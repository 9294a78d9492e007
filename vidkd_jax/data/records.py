"""Records of JPEG frames, as `python -m data_prep.build` writes them: only chosen frames decode.

A record is a run of consecutive frames of a video, of `run_length`; the records of a video follow
each other, in the order of the index.
The optical flow of NAME, as `python -m data_prep.flow` writes it, is the record set NAME_flow.
"""

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from google.protobuf.message import DecodeError

from vidkd_jax.data.videos import WHOLE_FRAME, Video
from vidkd_jax.errors import InputError
from vidkd_jax.video.flow import decode_flow

# What `read_info` promises.
_FIELDS = ("name", "dataset", "split", "short_side", "lists", "class_names", "skipped", "counts")

# How the built-in record sets are rendered.
_MARIONETTE = {
    "marionette": "--preset=standard",
    "marionette_small": "--preset=small",
    "marionette_untrimmed": "--preset=untrimmed",
    "marionette_background": "--preset=standard --variant=background",
    "marionette_blurred": "--preset=standard --variant=blurred",
}


def find_records(root: Path, name: str, split: int, short_side: int, modality: str = "rgb") -> Path:
    """Returns the folder of the newest version of a data set's records.

    Args:
      root: the folder of all data sets.
      name: of the data set.
      split: number of the official split.
      short_side: of the frames, in pixels.
      modality: "rgb", or "flow" for the optical flow of the same videos.

    Raises:
      InputError: there are none, and how to make them; or they are of another size or modality.
    """
    folder = root / (name if modality == "rgb" else f"{name}_{modality}") / f"split{split}"
    versions = sorted(path.parent for path in folder.glob("*/dataset.json"))
    if not versions:
        is_real = name not in _MARIONETTE and modality == "rgb"
        or_else = " (or take the built-in videos: --config=...:marionette)" if is_real else ""
        raise InputError(
            f"no records of '{name}' split {split} in '{folder}': make them with{or_else} "
            f"{_how_to_make(root, name, split, short_side, modality)}"
        )
    info = read_info(versions[-1])
    if info["modality"] != modality:
        raise InputError(
            f"config.data.modality: {modality}, but the records in '{versions[-1]}' hold "
            f"{info['modality']}; set it to that, or choose another data.name"
        )
    if info["short_side"] != short_side:
        raise InputError(
            f"config.data.short_side: {short_side}, but the records in '{versions[-1]}' have "
            f"{info['short_side']}; set it to that, or convert again with --short_side={short_side}"
        )
    return versions[-1]


def _how_to_make(root: Path, name: str, split: int, short_side: int, modality: str) -> str:
    if modality == "flow":
        return f"python -m data_prep.flow --data={root / name} --out={root} --algorithm=dis"
    if name in _MARIONETTE:
        videos = f"{root}/{name}_videos"
        return (
            f"python -m data_prep.marionette {_MARIONETTE[name]} --out={videos} && "
            f"python -m data_prep.build --dataset=marionette --name={name} --out={root} "
            f"--videos={videos}/videos --annotations={videos}/annotations --split={split} "
            f"--short_side={short_side}"
        )
    known = name in ("ucf101", "hmdb51", "kinetics400", "kinetics600", "ssv2")
    dataset = f"{name} --annotations=DIR" if known else f"folder --name={name}"
    return (
        f"python -m data_prep.build --dataset={dataset} --videos=DIR --out={root} --split={split} "
        f"--short_side={short_side}"
    )


def read_info(folder: Path) -> dict[str, Any]:
    """Returns a record set's dataset.json, with its "modality": "rgb" or "flow".

    Its "frames_per_record" is None where it does not say: a record is a whole video.

    Raises:
      InputError: it is damaged.
    """
    try:
        info = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        optional = {"modality": "rgb", "frames_per_record": None}
        found = optional | info | {name: info[name] for name in _FIELDS}
        if found["frames_per_record"] is not None and found["frames_per_record"] < 1:
            raise ValueError(f"frames_per_record is {found['frames_per_record']}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"dataset.json: {type(error).__name__} {error}") from error


def run_length(num_frames: int, frames_per_record: int | None) -> int:
    """Returns how many frames of a video each of its records holds; the last one may hold fewer.

    Args:
      num_frames: of the video.
      frames_per_record: as dataset.json has it: about how many are wanted; None: all.
    """
    if frames_per_record is None:
        return num_frames
    num_runs = max((num_frames + frames_per_record // 2) // frames_per_record, 1)
    return -(-num_frames // num_runs)


def record_starts(num_frames: Iterable[int], frames_per_record: int | None) -> list[int]:
    """Returns the number of each video's first record, and of all records in the end."""
    counts = (-(-number // run_length(number, frames_per_record)) for number in num_frames)
    return list(itertools.accumulate(counts, initial=0))


def _unreadable(folder: Path, cause: str) -> InputError:
    first_line = (cause.splitlines() or ["no cause is given"])[0]
    return InputError(
        f"records '{folder}' cannot be read ({first_line}); check them with "
        f"`python -m data_prep.check --data={folder}`"
    )


class RecordDataset:
    """One split of a data set's records; see `VideoDataset`.

    Attributes:
      videos: in record order.
      class_names: names by label.
      parts: see `VideoDataset`.
    """

    parts = WHOLE_FRAME

    def __init__(self, folder: Path, split: str) -> None:
        info = read_info(folder)
        self.class_names = tuple(info["class_names"])
        self._decode = DECODERS[info["modality"]]
        self.videos = _read_index(folder, split, len(self.class_names))
        self._folder, self._split = folder, split
        self._source, self._parse = self._open()
        self._frames_per_record = info["frames_per_record"]
        num_frames = [video.num_frames for video in self.videos]
        self._starts = record_starts(num_frames, self._frames_per_record)
        if len(self.videos) != info["counts"][split] or len(self._source) != self._starts[-1]:
            cause = f"{len(self._source)} records of {self._starts[-1]}, {len(self.videos)} listed"
            raise _unreadable(folder, cause)

    def _open(self) -> tuple[Any, Callable[[bytes], Any]]:
        """Returns the serialised records and their parser.

        TFDS's own turns all frames of a video into an array of objects, which takes as long as
        decoding a clip; the protocol buffer copies a frame only where it is asked for.
        """
        import tensorflow_datasets as tfds  # a second to import: only where records are read
        from tensorflow_datasets.proto import tf_example_pb2

        try:
            builder = tfds.builder_from_directory(self._folder)
            as_stored = tfds.decode.DeserializeMethod.RAW_BYTES
            source = builder.as_data_source(self._split, deserialize_method=as_stored)
        except Exception as error:
            raise _unreadable(self._folder, str(error)) from error
        return source, tf_example_pb2.Example.FromString

    def __getstate__(self) -> tuple[Path, str]:
        return self._folder, self._split  # worker processes open the files again

    def __setstate__(self, state: tuple[Path, str]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def encoded(self, index: int, numbers: Iterable[int] | None = None) -> list[bytes]:
        """Returns frames of video `index` as they are stored, JPEG bytes: `numbers`, or all.

        Raises:
          InputError: a record is damaged.
        """
        video = self.videos[index]
        wanted = range(video.num_frames) if numbers is None else list(numbers)
        length = run_length(video.num_frames, self._frames_per_record)
        runs = {
            run: self._read(index, self._starts[index] + run)
            for run in {number // length for number in wanted}
        }
        try:
            return [runs[number // length][number % length] for number in wanted]
        except IndexError as error:
            raise self._damaged(index, error) from error

    def frames(self, index: int, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the frames `numbers` of video `index`, each uint8 [h, w, 3]; of flow [h, w, 2].

        Raises:
          InputError: a record is damaged.
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

    def _read(self, index: int, record: int) -> Sequence[bytes]:
        """Returns the frames in a record of video `index`."""
        try:
            features = self._parse(self._source[record]).features.feature
        except (RuntimeError, ValueError, IndexError, DecodeError) as error:
            raise self._damaged(index, error) from error
        return features["frames"].bytes_list.value

    def _damaged(self, index: int, error: Exception) -> InputError:
        return _unreadable(self._folder, f"video '{self.videos[index].id}': {error}")


def _decode_rgb(jpeg: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB")


# From a stored frame to uint8 [h, w, c], by modality.
DECODERS: Mapping[str, Callable[[bytes], np.ndarray]] = {"rgb": _decode_rgb, "flow": decode_flow}


def _read_index(folder: Path, split: str, num_classes: int) -> list[Video]:
    path = folder / f"videos-{split}.csv"
    if not path.exists():
        splits = ", ".join(
            sorted(p.stem.removeprefix("videos-") for p in folder.glob("videos-*.csv"))
        )
        raise InputError(
            f"'{path}' is missing: these records have the splits {splits}; "
            "data.val='groups' validates on groups of the training split"
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            videos = [
                Video(row["id"], int(row["label"]), row["group"], int(row["num_frames"]), index)
                for index, row in enumerate(csv.DictReader(file))
            ]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise _unreadable(folder, f"{path.name}: {type(error).__name__} {error}") from error
    for video in videos:
        if not (0 <= video.label < num_classes and video.num_frames > 0):
            raise _unreadable(folder, f"{path.name}: video '{video.id}' has label {video.label}")
    return videos
