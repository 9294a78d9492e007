"""The video files of a data set: whether they are those of before, and how many may be lacking."""

import hashlib
import json
import os
from pathlib import Path

from vidkd_jax.annotations.types import Dataset
from vidkd_jax.video import VideoError, file_status

MAX_SKIPPED = 0.01  # fraction of videos that may be unusable
MAX_MISSING = 0.05  # fraction of videos that may be missing; about 3 % of Kinetics is gone


def fingerprint(dataset: Dataset) -> str:
    """Returns a hash of the lists: ids, labels, groups, splits and class names, in order."""
    lines = [[e.id, e.label, e.group, e.split] for e in dataset.entries]
    content = json.dumps([dataset.class_names, lines])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def fingerprint_files(dataset: Dataset) -> str:
    """Returns a hash of the video files: ids and sizes in bytes (-1 if there is no file), in order.

    The sizes show that a video was replaced or rendered again, without reading the files.
    """
    sizes = [[entry.id, size_of(entry.path)] for entry in dataset.entries]
    return hashlib.sha256(json.dumps(sizes).encode()).hexdigest()[:16]


def exists(path: Path) -> bool:
    """Returns whether there is a file or a folder; False also for a name that none can have."""
    return os.path.exists(path)  # noqa: PTH110 - no error for an impossible name


def size_of(path: Path) -> int:
    """Returns a file's size in bytes, or -1 if it does not exist or its name is impossible."""
    try:
        return file_status(path).st_size
    except (VideoError, ValueError):
        return -1
