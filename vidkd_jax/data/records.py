"""Reads the records that `python -m data_prep.build` writes, and decodes only the frames it needs.

A record holds a run of consecutive JPEG frames of one video; `run_length` gives its length. The
records of a video are consecutive, and videos are in the order of the index. The optical flow of
the record set NAME, which `python -m data_prep.flow` writes, is the record set NAME_flow.
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

# The fields that the result of `read_info` always has.
_FIELDS = ("name", "dataset", "split", "short_side", "lists", "class_names", "skipped", "counts")

# What it has where older records lack a field.
_OPTIONAL: dict[str, Any] = {
    "modality": "rgb",
    "frames_per_record": None,
    "fps": 0.0,
    "groups": {},
}

# The flags that render the built-in record sets. All but the teachers' have one seed, and so the
# same actors.
_MARIONETTE = {
    "marionette": "--preset=standard --seed=9300",
    "marionette_small": "--preset=small --seed=9300",
    "marionette_study": "--preset=study --seed=9300",
    "marionette_teachers": "--preset=teachers --seed=7100",
    "marionette_untrimmed": "--preset=untrimmed --seed=9300",
    "marionette_long": "--preset=long --seed=9300",
    "marionette_background": "--preset=standard --seed=9300 --variant=background",
    "marionette_blurred": "--preset=standard --seed=9300 --variant=blurred",
    "marionette_scene_bias": "--preset=standard --seed=9300 --scene_bias=0.8",
    "marionette_new_scenes": "--preset=standard --seed=9300 --scene_bias=0.8 --unseen_scenes",
}
# Other tasks on the videos of `marionette_teachers`, by name of their records.
TASKS = {f"marionette_{task}": task for task in ("scene", "outfit", "motion")}


def find_records(
    root: Path, name: str, split: int, short_side: int, modality: str = "rgb", fps: float = 0.0
) -> Path:
    """Returns the folder of the newest version of a data set's records.

    Args:
      root: The folder of all data sets.
      name: Name of the data set.
      split: Number of the official split.
      short_side: Short side of the frames, in pixels.
      modality: "rgb", or "flow" for the optical flow of the same videos.
      fps: Frames per second of the records; 0 means as filmed.

    Raises:
      InputError: There are no such records (the message says how to make them), or they have
        another size, frame rate or modality.
    """
    folder = root / (name if modality == "rgb" else f"{name}_{modality}") / f"split{split}"
    versions = sorted(path.parent for path in folder.glob("*/dataset.json"))
    if not versions:
        is_real = name not in (*_MARIONETTE, *TASKS) and modality == "rgb"
        or_else = "use the built-in videos (--config=...:marionette), or " if is_real else ""
        raise InputError(
            f"no records of '{name}' split {split} in '{folder}': {or_else}make the records with "
            f"{_how_to_make(root, name, split, short_side, modality)}"
            f"{f' --fps={fps:g}' if fps and modality == 'rgb' else ''}"
        )
    info = read_info(versions[-1])
    if info["modality"] != modality:
        raise InputError(
            f"config.data.modality: {modality}, but the records in '{versions[-1]}' hold "
            f"{info['modality']}; set data.modality to {info['modality']}, or choose another "
            "data.name"
        )
    if info["short_side"] != short_side:
        raise InputError(
            f"config.data.short_side: {short_side}, but the records in '{versions[-1]}' have "
            f"{info['short_side']}; set data.short_side to {info['short_side']}, or convert again "
            f"with --short_side={short_side}"
        )
    if info["fps"] != fps:
        raise InputError(
            f"config.data.fps: {fps:g}, but the records in '{versions[-1]}' have {info['fps']:g} "
            f"(0: as filmed); set data.fps to {info['fps']:g}, or convert again "
            f"{f'with --fps={fps:g}' if fps else 'without --fps'}"
        )
    return versions[-1]


def _how_to_make(root: Path, name: str, split: int, short_side: int, modality: str) -> str:
    if modality == "flow":
        return f"python -m data_prep.flow --data={root / name} --out={root} --algorithm=dis"
    if name in TASKS:
        videos, task = f"{root}/marionette_teachers_videos", TASKS[name]
        return (
            f"python -m data_prep.marionette {_MARIONETTE['marionette_teachers']} --out={videos} "
            f"&& python -m data_prep.marionette.tasks --task={task} --videos={videos} "
            f"--out={videos}/{task}.csv && python -m data_prep.build --dataset=csv --name={name} "
            f"--out={root} --videos={videos}/videos --annotations={videos}/{task}.csv "
            f"--short_side={short_side}"
        )
    if name in _MARIONETTE:
        videos = f"{root}/{name}_videos"
        return (
            f"python -m data_prep.marionette {_MARIONETTE[name]} --out={videos} && "
            f"python -m data_prep.build --dataset=marionette --name={name} --out={root} "
            f"--videos={videos}/videos --annotations={videos}/annotations --split={split} "
            f"--short_side={short_side}"
        )
    known = name in ("ucf101", "hmdb51", "kinetics400", "kinetics600", "mini_kinetics200", "ssv2")
    dataset = f"{name} --annotations=DIR" if known else f"folder --name={name}"
    dataset = name if name == "utd_mhad" else dataset
    return (
        f"python -m data_prep.build --dataset={dataset} --videos=DIR --out={root} --split={split} "
        f"--short_side={short_side}"
    )


def read_info(folder: Path) -> dict[str, Any]:
    """Returns the content of a record set's dataset.json.

    The result always has "modality" ("rgb" or "flow"), "fps" (0: as filmed), "groups" (how many
    videos have a group that is "given", "guessed" or "unknown"; empty for older records) and
    "frames_per_record". The latter is None if the file does not have it; then a record is a whole
    video.

    Raises:
      InputError: The file is damaged.
    """
    try:
        info = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        found = _OPTIONAL | info | {name: info[name] for name in _FIELDS}
        if found["frames_per_record"] is not None and found["frames_per_record"] < 1:
            raise ValueError(f"frames_per_record is {found['frames_per_record']}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"dataset.json: {type(error).__name__} {error}") from error


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


def _unreadable(folder: Path, cause: str) -> InputError:
    first_line = (cause.splitlines() or ["no cause is given"])[0]
    return InputError(
        f"records '{folder}' cannot be read ({first_line}); check them with "
        f"`python -m data_prep.check --data={folder}`"
    )


class RecordDataset:
    """One split of a data set's records; see `VideoDataset`.

    Attributes:
      videos: The videos, in record order.
      class_names: Class names, indexed by label.
      groups: See `VideoDataset`.
      parts: See `VideoDataset`.
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
        if len(self.videos) != info["counts"][split] or len(self._source) != self._starts[-1]:
            cause = (
                f"it holds {len(self._source)} records, and the index lists {len(self.videos)} "
                f"videos in {self._starts[-1]} records"
            )
            raise _unreadable(folder, cause)

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
            raise _unreadable(self._folder, str(error)) from error
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
            run: self._read(index, self._starts[index] + run)
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
        raise _unreadable(folder, f"{path.name}: {type(error).__name__} {error}") from error
    for video in videos:
        if not (0 <= video.label < num_classes and video.num_frames > 0):
            raise _unreadable(folder, f"{path.name}: video '{video.id}' has label {video.label}")
    return videos
