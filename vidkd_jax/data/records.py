"""Records of JPEG frames, as `python -m data_prep.build` writes them: only chosen frames decode."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from vidkd_jax.data.videos import Video
from vidkd_jax.errors import InputError


def find_records(root: Path, name: str, split: int) -> Path:
    """Returns the folder of the newest version of a data set's records.

    Raises:
      InputError: there are none; says in two lines how to make them.
    """
    folder = root / name / f"split{split}"
    versions = sorted(path.parent for path in folder.glob("*/dataset.json"))
    if versions:
        return versions[-1]
    raise InputError(
        f"no records of '{name}' split {split} in '{folder}': make them with\n"
        f"  python -m data_prep.build --dataset={name} --videos=DIR --annotations=DIR --out={root} "
        f"--split={split}   (or train on the built-in videos: --config=...:marionette)"
    )


class RecordDataset:
    """One split of a data set's records; see `VideoDataset`.

    Attributes:
      videos: in record order.
      class_names: names by label.
    """

    def __init__(self, folder: Path, split: str) -> None:
        info = json.loads((folder / "dataset.json").read_text())
        self.class_names = tuple(info["class_names"])
        self.videos = _read_index(folder / f"videos-{split}.csv")
        self._folder, self._split = folder, split
        self._source = self._open()

    def _open(self) -> Any:
        import tensorflow_datasets as tfds  # a second to import: only where records are read

        try:
            return tfds.builder_from_directory(self._folder).as_data_source(self._split)
        except Exception as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, cause: str) -> InputError:
        return InputError(
            f"records '{self._folder}', split '{self._split}', cannot be read "
            f"({cause.splitlines()[0]}); check them with "
            f"`python -m data_prep.check --data={self._folder}`"
        )

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
            raise self._unreadable(f"video '{self.videos[index].id}': {error}") from error
        return [decoded[number] for number in numbers.tolist()]


def _read_index(path: Path) -> list[Video]:
    if not path.exists():
        splits = sorted(
            found.stem.removeprefix("videos-") for found in path.parent.glob("videos-*.csv")
        )
        raise InputError(f"'{path}' is missing: these records have the splits {', '.join(splits)}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Video(row["id"], int(row["label"]), row["group"], int(row["num_frames"]), index)
        for index, row in enumerate(rows)
    ]
