"""Records of JPEG frames, as `python -m data_prep.build` writes them: only chosen frames decode."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from vidkd_jax.data.videos import Video
from vidkd_jax.errors import InputError


def find_records(root: Path, name: str, split: int, short_side: int) -> Path:
    """Returns the folder of the newest version of a data set's records.

    Raises:
      InputError: there are none, and how to make them; or they are of another size.
    """
    folder = root / name / f"split{split}"
    versions = sorted(path.parent for path in folder.glob("*/dataset.json"))
    if not versions:
        raise InputError(
            f"no records of '{name}' split {split} in '{folder}': make them with\n"
            f"  {_how_to_make(root, name, split, short_side)}"
        )
    stored = _read_info(versions[-1])["short_side"]
    if stored != short_side:
        raise InputError(
            f"config.data.short_side: {short_side}, but the records in '{versions[-1]}' have "
            f"{stored}; set it to that, or convert again with --short_side={short_side}"
        )
    return versions[-1]


def _how_to_make(root: Path, name: str, split: int, short_side: int) -> str:
    if name == "marionette":
        return (
            f"python -m data_prep.marionette --preset=standard --out={root}/marionette_videos && "
            f"python -m data_prep.build --dataset=marionette --out={root} "
            f"--videos={root}/marionette_videos/videos "
            f"--annotations={root}/marionette_videos/annotations --short_side={short_side}"
        )
    known = name in ("ucf101", "hmdb51", "kinetics400", "kinetics600", "ssv2")
    dataset = f"{name} --annotations=DIR" if known else f"folder --name={name}"
    return (
        f"python -m data_prep.build --dataset={dataset} --videos=DIR --out={root} --split={split} "
        f"--short_side={short_side}   (or train on the built-in videos: --config=...:marionette)"
    )


def _read_info(folder: Path) -> dict[str, Any]:
    try:
        info = json.loads((folder / "dataset.json").read_text())
        return {name: info[name] for name in ("class_names", "short_side", "counts")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"dataset.json: {type(error).__name__} {error}") from error


def _unreadable(folder: Path, cause: str) -> InputError:
    return InputError(
        f"records '{folder}' cannot be read ({cause.splitlines()[0]}); check them with "
        f"`python -m data_prep.check --data={folder}`"
    )


class RecordDataset:
    """One split of a data set's records; see `VideoDataset`.

    Attributes:
      videos: in record order.
      class_names: names by label.
    """

    def __init__(self, folder: Path, split: str) -> None:
        info = _read_info(folder)
        self.class_names = tuple(info["class_names"])
        self.videos = _read_index(folder, split, len(self.class_names))
        self._folder, self._split = folder, split
        self._source = self._open()
        if not len(self.videos) == len(self._source) == info["counts"][split]:
            raise _unreadable(folder, f"{len(self._source)} records, {len(self.videos)} listed")

    def _open(self) -> Any:
        import tensorflow_datasets as tfds  # a second to import: only where records are read

        try:
            return tfds.builder_from_directory(self._folder).as_data_source(self._split)
        except Exception as error:
            raise _unreadable(self._folder, str(error)) from error

    def __getstate__(self) -> tuple[Path, str]:
        return self._folder, self._split  # worker processes open the files again

    def __setstate__(self, state: tuple[Path, str]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def frames(self, index: int, numbers: np.ndarray) -> list[np.ndarray]:
        """Returns the frames `numbers` of video `index`, each uint8 [h, w, 3]."""
        try:
            encoded = self._source[index]["frames"]
            decoded = {
                number: simplejpeg.decode_jpeg(encoded[number], colorspace="RGB")
                for number in set(numbers.tolist())
            }
        except (RuntimeError, ValueError, IndexError) as error:
            cause = f"video '{self.videos[index].id}': {error}"
            raise _unreadable(self._folder, cause) from error
        return [decoded[number] for number in numbers.tolist()]


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
        with path.open(newline="") as file:
            videos = [
                Video(row["id"], int(row["label"]), row["group"], int(row["num_frames"]), index)
                for index, row in enumerate(csv.DictReader(file))
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(folder, f"{path.name}: {type(error).__name__} {error}") from error
    for video in videos:
        if not (0 <= video.label < num_classes and video.num_frames > 0):
            raise _unreadable(folder, f"{path.name}: video '{video.id}' has label {video.label}")
    return videos
