"""Reads clips directly from video files: slower than records, but needs no conversion."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data_prep.annotations import DATASETS, Dataset, Entry, read_dataset
from data_prep.output import fingerprint, fingerprint_files
from vidkd_jax import video
from vidkd_jax.data.probes import probe_all
from vidkd_jax.data.videos import WHOLE_FRAME, Video
from vidkd_jax.errors import InputError

_MAX_SKIPPED = 0.01  # fraction of the videos of a split (in data_prep.build, of all videos)


class FileDataset:
    """One split of a data set's video files; see `VideoDataset`.

    Attributes:
      videos: The readable videos, in the order of the lists.
      class_names: Class names, indexed by label.
      parts: See `VideoDataset`.
    """

    parts = WHOLE_FRAME

    def __init__(
        self,
        entries: Sequence[tuple[Entry, video.VideoInfo]],
        class_names: Sequence[str],
        short_side: int,
    ) -> None:
        self.class_names = tuple(class_names)
        self.videos = [
            Video(entry.id, entry.label, entry.group, info.num_frames, index)
            for index, (entry, info) in enumerate(entries)
        ]
        self._paths = [entry.path for entry, _ in entries]
        self._short_side = short_side

    def frames(self, index: int, numbers: np.ndarray) -> np.ndarray:
        """Returns the frames `numbers` of video `index`, uint8 [t, h, w, 3]."""
        return video.read_frames(self._paths[index], numbers.tolist(), short_side=self._short_side)


def formats() -> tuple[str, ...]:
    """Returns the names of the list formats."""
    return tuple(DATASETS)


def identity(format_name: str, videos: Path, annotations: str | None, *, split: int) -> str:
    """Returns a hash of the lists and of the sizes of the files that `open_files` would read.

    Raises:
      InputError: The lists are wrong.
    """
    dataset = _read_lists(format_name, videos, annotations, split)
    return f"{fingerprint(dataset)}-{fingerprint_files(dataset)}"


def _read_lists(format_name: str, videos: Path, annotations: str | None, split: int) -> Dataset:
    where = Path(annotations) if annotations else None
    return read_dataset(format_name, where, videos, split=split)


def readable(entries: Sequence[Entry], name: str) -> list[tuple[Entry, video.VideoInfo]]:
    """Returns the videos that can be read, with their properties; see `probe_all`."""
    infos = probe_all([entry.path for entry in entries], name)
    return [(e, info) for e, info in zip(entries, infos, strict=True) if info is not None]


def open_files(
    format_name: str, videos: Path, annotations: str | None, *, split: int, short_side: int
) -> Callable[[str], FileDataset]:
    """Reads the lists and returns a function that opens a split by name.

    Args:
      format_name: Format of the lists, as in `python -m data_prep.build --dataset`.
      videos: The folder of the video files.
      annotations: The folder or file of the lists; None for "folder".
      split: Number of the official split.
      short_side: Short side that frames are resized to, in pixels.

    Raises:
      InputError: The lists are wrong, or too many videos cannot be read.
    """
    dataset = _read_lists(format_name, videos, annotations, split)

    @functools.cache
    def open_split(name: str) -> FileDataset:
        entries = [entry for entry in dataset.entries if entry.split == name]
        found = readable(entries, name)
        failures = len(entries) - len(found)
        if failures > _MAX_SKIPPED * len(entries):
            raise InputError(
                f"{failures} of {len(entries)} {name} videos cannot be read (listed above), more "
                f"than {_MAX_SKIPPED:.0%}; repair them, or remove them from the lists or the folder"
            )
        return FileDataset(found, dataset.class_names, short_side)

    return open_split
