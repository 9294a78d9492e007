"""Reads HMDB51's lists: one file per class and split, with lines "<video>.avi 0|1|2"."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vidkd_jax.annotations.locate import VideoFolder
from vidkd_jax.annotations.text import read_lines, require_folder
from vidkd_jax.annotations.types import Dataset, Listed, make_dataset
from vidkd_jax.errors import InputError

# From the README of the lists: 1 is for training, 2 is for testing, 0 is not used in this split.
_PARTS = {"0": None, "1": "train", "2": "test"}


def read_hmdb51(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads <class>_test_split<N>.txt of every class; classes are in alphabetical order.

    Args:
      name: Name of the dataset.
      annotations: The folder of the lists.
      videos: The folder of the videos, laid out as <class>/<video>.avi or as <video>.avi.
      split: 1, 2 or 3.

    Raises:
      InputError: A list is missing, empty or malformed.
    """
    ending = f"_test_split{split}.txt"
    folder = require_folder(annotations, f"brush_hair{ending} and the other lists")
    # By class, as others number them: of files "climb_stairs_test..." comes before "climb_test...".
    lists = {path.name.removesuffix(ending): path for path in folder.glob(f"*{ending}")}
    if not lists:
        raise InputError(f"--annotations={folder}: holds no file <class>{ending}")
    class_names = sorted(lists)
    listed = [
        line
        for label, class_name in enumerate(class_names)
        for line in _read_list(lists[class_name], class_name, label)
    ]
    return make_dataset(name, class_names, listed, VideoFolder(videos))


def _read_list(path: Path, class_name: str, label: int) -> Iterator[Listed]:
    for where, line in read_lines(path):
        file, _, part = line.rpartition(" ")
        if not file or part not in _PARTS:
            raise InputError(
                f"{where}: '{line}' should be '<video>.avi N', where N is 0 (not used), 1 (train) "
                "or 2 (test)"
            )
        video = PurePosixPath(file.strip())
        if split := _PARTS[part]:
            yield Listed(
                id=video.stem,
                files=(f"{class_name}/{video}",),
                label=label,
                group=film(video.stem, class_name),
                split=split,
                where=where,
            )


def film(video: str, class_name: str) -> str:
    """Returns the film that a clip was cut from, by dropping the class and the rest of the name.

    "AmericanGangster_wave_u_cm_np1_fr_med_57" consists of film, class, visible body part, camera
    motion, number of people, viewpoint, quality and number. In the official lists, all clips of one
    film and one class are in one split. Grouping by film keeps together the clips of all classes.
    """
    tail = rf"_{re.escape(class_name)}_[a-z]+_[a-z]+_np\d+_[a-z]+_[a-z]+_\d+$"
    return re.sub(tail, "", video)
