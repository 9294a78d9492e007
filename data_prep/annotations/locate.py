"""From a path in a list to a file in the video folder, and never to one outside it."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from vidkd_jax.errors import InputError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv"}
    | {".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
    | {".y4m"}
)


def walk(root: Path) -> Iterator[Path]:
    """Yields every file below a folder (which may itself be a link), in no order.

    Hidden files and folders are left out: they are some program's, not the user's videos.

    Raises:
      InputError: A folder cannot be read, or is a link: it could lead anywhere, also in circles.
    """

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}; make it readable") from error

    for folder, subfolders, names in os.walk(root, onerror=refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in subfolders:
            if (path := Path(folder, name)).is_symlink():
                raise InputError(f"{path}: is a link to a folder; put the folder itself there")
        yield from (Path(folder, name) for name in names if not name.startswith("."))


class VideoFolder:
    """A folder of videos, laid out in one of the ways that people lay them out."""

    def __init__(self, root: Path, *, exact: bool = False, ignore_case: bool = False) -> None:
        """Takes the folder.

        Args:
          root: The folder.
          exact: Files are where the list says, or missing: people write lists of their own videos
            as these lie, and in 1.mp4 of another folder something else happens.
          ignore_case: File names match whatever their case. UCF101 needs it: its class is
            HandstandPushups, its files are v_HandStandPushups_*, and copies "correct" either.

        Raises:
          InputError: There is no such folder.
        """
        if not root.is_dir():
            raise InputError(f"--videos={root}: there is no such folder")
        self.root = root
        self._resolved_root = root.resolve()
        self._exact = exact
        self._ignore_case = ignore_case

    def find(self, files: Sequence[str], where: str) -> Path:
        """Returns the first of `files` that exists, else (not if `exact`) a file of such a name.

        The fallback finds other layouts (flat, one folder a class, one a split) and other
        extensions. Where several files have the name, the one whose folders share most words with
        the listed path is taken, then the first in alphabetical order.

        Args:
          files: Paths below the folder, the likeliest first.
          where: "file:line" of the list, for the message.

        Returns:
          The file, or where it was looked for first if there is none.

        Raises:
          InputError: A path leads out of the folder, or the folder cannot be searched; see `walk`.
        """
        relative = [self._relative(file, where) for file in files]
        for path in relative:
            if self._holds(path):
                return self._inside(self.root / path, where)
        for path in () if self._exact else relative:
            if candidates := self._by_stem.get(self._key(path.stem)):
                return self._inside(min(candidates, key=lambda c: _distance(c, path)), where)
        return self.root / relative[0]

    def _holds(self, path: PurePosixPath) -> bool:
        return os.path.isfile(self.root / path)  # noqa: PTH113 - no error for an impossible name

    def _relative(self, file: str, where: str) -> PurePosixPath:
        """Refuses absolute paths (also those of Windows) and any step upwards."""
        literal, path = PurePosixPath(file), PurePosixPath(file.replace("\\", "/"))
        of_windows = bool(PureWindowsPath(file).drive)
        if (of_windows or path != literal) and _is_inside(literal) and self._holds(literal):
            return literal  # a name may well hold a colon or a backslash
        if of_windows or not _is_inside(path):
            raise InputError(
                f"{where}: path '{file}' leads out of the video folder; "
                "paths in a list are relative to --videos"
            )
        return path

    def _key(self, stem: str) -> str:
        return stem.casefold() if self._ignore_case else stem

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found = defaultdict(list)
        for path in walk(self.root):
            if path.suffix.lower() in VIDEO_SUFFIXES:
                found[self._key(path.stem)].append(path)
        return found

    def _inside(self, path: Path, where: str) -> Path:
        if not path.resolve().is_relative_to(self._resolved_root):
            raise InputError(
                f"{where}: {path} is a link that leads out of the video folder {self.root}; "
                "put the file itself there"
            )
        return path


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _distance(candidate: Path, listed: PurePosixPath) -> tuple[int, str]:
    shared = set(candidate.parent.parts) & set(listed.parent.parts)
    return -len(shared), str(candidate)
