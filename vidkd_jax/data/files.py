"""Reads clips directly from video files: slower than records, but needs no conversion."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from vidkd_jax import video
from vidkd_jax.annotations import Dataset, Entry
from vidkd_jax.annotations.files import (
    MAX_MISSING,
    MAX_SKIPPED,
    exists,
    fingerprint,
    fingerprint_files,
)
from vidkd_jax.data.probes import probe_all
from vidkd_jax.data.videos import WHOLE_FRAME, Video
from vidkd_jax.errors import InputError
from vidkd_jax.video.rate import describe_rates


class FileDataset:
    """One split of a data set's video files; see `VideoDataset`.

    Attributes:
      videos: The readable videos, in the order of the lists.
      class_names: Class names, indexed by label.
      groups: See `VideoDataset`.
      parts: See `VideoDataset`.
    """

    parts = WHOLE_FRAME

    def __init__(
        self,
        entries: Sequence[tuple[Entry, video.VideoInfo]],
        class_names: Sequence[str],
        short_side: int,
        *,
        fps: float = 0.0,
        groups: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.class_names, self.groups = tuple(class_names), groups
        self.videos = [
            Video(entry.id, entry.label, entry.group, info.num_frames, index)
            for index, (entry, info) in enumerate(entries)
        ]
        self._paths = [entry.path for entry, _ in entries]
        self._short_side, self._fps = short_side, fps

    def frames(self, index: int, numbers: np.ndarray) -> np.ndarray:
        """Returns the frames `numbers` of video `index`, uint8 [t, h, w, 3].

        Raises:
          VideoError: The file cannot be read any more, or lacks one of the frames.
        """
        return video.read_frames(
            self._paths[index], numbers.tolist(), short_side=self._short_side, fps=self._fps
        )


def identity(dataset: Dataset) -> str:
    """Returns a hash of the lists and of the sizes of the files."""
    return f"{fingerprint(dataset)}-{fingerprint_files(dataset)}"


def readable(
    entries: Sequence[Entry], name: str, *, fps: float = 0.0
) -> list[tuple[Entry, video.VideoInfo]]:
    """Returns the videos that can be read, with their properties; see `probe_all`."""
    infos = probe_all([entry.path for entry in entries], name, fps=fps)
    return [(e, info) for e, info in zip(entries, infos, strict=True) if info is not None]


def open_listed(
    dataset: Dataset, *, short_side: int, fps: float = 0.0
) -> Callable[[str], FileDataset]:
    """Returns a function that opens a split by name.

    Args:
      dataset: The lists.
      short_side: Short side that frames are resized to, in pixels.
      fps: Frames per second that videos are brought to; 0 means as filmed.

    Raises:
      InputError: Too many videos are missing or cannot be read.
    """
    for notice in dataset.notices:
        print(notice, file=sys.stderr)
    there = _there(dataset.entries)
    unreadable: dict[str, int] = {}  # by split, of those that have been opened

    @functools.cache
    def open_split(name: str) -> FileDataset:
        entries = [entry for entry in there if entry.split == name]
        found = _undamaged(readable(entries, name, fps=fps))
        unreadable[name] = len(entries) - len(found)
        failures = sum(unreadable.values())
        if failures > MAX_SKIPPED * len(there):
            raise InputError(
                f"{failures} of {len(there)} videos cannot be read (listed above), more than "
                f"{MAX_SKIPPED:.0%}; repair them, or remove them from the lists or the folder"
            )
        said = describe_rates({entry.id: info.fps for entry, info in found})
        if said and not fps:
            print(f"{said}; data.fps brings all videos to one rate", file=sys.stderr)
        groups = dataset.count_groups()
        return FileDataset(found, dataset.class_names, short_side, fps=fps, groups=groups)

    return open_split


def _there(entries: Sequence[Entry]) -> list[Entry]:
    """Returns the videos whose files exist; lists the others on stderr.

    Raises:
      InputError: Too many are missing.
    """
    missing = [entry for entry in entries if not exists(entry.path)]
    for entry in missing:
        print(f"missing: {entry.path}", file=sys.stderr)
    if len(missing) > MAX_MISSING * len(entries):
        raise InputError(
            f"{len(missing)} of {len(entries)} listed videos are missing (listed above), more than "
            f"{MAX_MISSING:.0%}; add them, correct data.videos, or remove them from the lists"
        )
    gone = {entry.path for entry in missing}
    return [entry for entry in entries if entry.path not in gone]


def _undamaged(
    found: Sequence[tuple[Entry, video.VideoInfo]],
) -> list[tuple[Entry, video.VideoInfo]]:
    """Returns the videos without damaged frames, as `data_prep.build` does; lists the others."""
    for entry, info in found:
        if info.num_damaged:
            print(
                f"skipped: {entry.path}: damaged: FFmpeg had to patch {info.num_damaged} frames",
                file=sys.stderr,
            )
    return [(entry, info) for entry, info in found if not info.num_damaged]
