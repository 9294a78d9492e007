"""Finds videos whose files have the same bytes."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from vidkd_jax.annotations.files import size_of
from vidkd_jax.annotations.types import Entry

_END = 1 << 16  # bytes that are compared before whole files are


def find_copies(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Returns (first, copy) of videos that are equal but in another class, split or group.

    Only files of the same size are read.
    """
    sets = [entries]
    for key in (lambda path: max(size_of(path), 0), _begin_and_end, _content):
        sets = [alike for found in sets for alike in _alike(found, key)]
    return [
        (first, entry)
        for first, *others in sets
        for entry in others
        if (entry.label, entry.split, entry.group) != (first.label, first.split, first.group)
    ]


def _alike(entries: Iterable[Entry], key: Callable[[Path], Hashable]) -> list[list[Entry]]:
    """Returns the sets of at least two videos whose files have the same key, which is not 0."""
    found: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in entries:
        if value := key(entry.path):
            found[value].append(entry)
    return [alike for alike in found.values() if len(alike) > 1]


def _begin_and_end(path: Path) -> bytes:
    """Returns the file's first and last bytes; nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            begin = file.read(_END)
            file.seek(-min(_END, size_of(path)), 2)
            return begin + file.read(_END)
    except (OSError, ValueError):
        return b""


def _content(path: Path) -> bytes:
    """Returns a hash of the file; nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError):
        return b""
