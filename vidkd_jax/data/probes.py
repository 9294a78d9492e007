"""Finds the properties of video files by decoding each file once, and caches them between runs."""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from vidkd_jax import video
from vidkd_jax.runtime.cache import cache_folder
from vidkd_jax.runtime.cores import usable_cores
from vidkd_jax.runtime.progress import progress_bar

# The table "probes" of earlier versions has other counts of .avi files at another rate.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS counted (
    path TEXT, bytes INTEGER, mtime_ns INTEGER, at_fps REAL,
    num_frames INTEGER, fps REAL, height INTEGER, width INTEGER, num_damaged INTEGER,
    PRIMARY KEY (path, at_fps)
)
"""
# Path, size in bytes, modification time (a changed file gets a new key), and frames per second that
# frames are counted at.
_Key = tuple[str, int, int, float]


def probe_all(
    paths: Sequence[Path], name: str, *, fps: float = 0.0
) -> list[video.VideoInfo | None]:
    """Finds the properties of every video; the progress bar shows `name`.

    Args:
      paths: The videos.
      name: What the videos are called.
      fps: Frames per second that frames are counted at; 0 means all frames as they are.

    Returns:
      The properties of each video, in the order of the paths; None for a video that cannot be read.
      Such videos are listed on stderr.
    """
    keys = [_key(path, fps) for path in paths]
    with _memory() as memory, ThreadPoolExecutor(usable_cores()) as pool:
        known = [_recall(memory, key) for key in keys]
        unknown = [position for position, info in enumerate(known) if info is None]
        results = pool.map(partial(_probe, fps), (paths[position] for position in unknown))
        bar = progress_bar(
            zip(unknown, results, strict=True),
            initial=len(paths) - len(unknown),
            total=len(paths),
            desc=f"probing {name}",
            unit="video",
            disable=not unknown,
        )
        failures = []
        for position, result in bar:
            if isinstance(result, video.VideoError):
                failures.append(result)
                continue
            known[position] = result
            _remember(memory, keys[position], result)
    for failure in failures:
        print(f"skipped: {failure}", file=sys.stderr)
    return known


def _probe(fps: float, path: Path) -> video.VideoInfo | video.VideoError:
    try:
        return video.probe(path, fps=fps)
    except video.VideoError as error:
        return error


def _key(path: Path, fps: float) -> _Key | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return os.fsdecode(path.absolute()), status.st_size, status.st_mtime_ns, fps


@contextlib.contextmanager
def _memory() -> Iterator[sqlite3.Connection | None]:
    """Opens the cache of earlier runs. Yields None if there can be no cache, which costs time."""
    with contextlib.ExitStack() as stack:
        memory = None
        with contextlib.suppress(OSError, sqlite3.Error):
            cache_folder().mkdir(parents=True, exist_ok=True)
            memory = _open(cache_folder() / "videos.sqlite")
            stack.callback(memory.close)
        yield memory


def _open(path: Path, *, anew: bool = False) -> sqlite3.Connection:
    opened = sqlite3.connect(path, isolation_level=None)
    try:
        opened.execute("PRAGMA synchronous=OFF")  # losing the cache only costs time
        opened.execute(_SCHEMA)
    except sqlite3.Error as error:
        opened.close()
        # A lock or a full disk raises an OperationalError; then the file can still be good.
        if anew or isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink()
        return _open(path, anew=True)
    return opened


def _recall(memory: sqlite3.Connection | None, key: _Key | None) -> video.VideoInfo | None:
    if memory is None or key is None:
        return None
    query = (
        "SELECT num_frames, fps, height, width, num_damaged FROM counted "
        "WHERE (path, bytes, mtime_ns, at_fps)=(?,?,?,?)"
    )
    with contextlib.suppress(sqlite3.Error, UnicodeError):
        row = memory.execute(query, key).fetchone()
        return video.VideoInfo(*row) if row else None
    return None


def _remember(memory: sqlite3.Connection | None, key: _Key | None, info: video.VideoInfo) -> None:
    if memory is None or key is None:
        return
    values = (*key, info.num_frames, info.fps, info.height, info.width, info.num_damaged)
    with contextlib.suppress(sqlite3.Error, UnicodeError):  # full disk, or a name that is not text
        memory.execute("INSERT OR REPLACE INTO counted VALUES (?,?,?,?,?,?,?,?,?)", values)
