"""Finds the file in the video folder for a path in a list. A file outside is never used."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from vidkd_jax.errors import InputError

VIDEO_SUFFIXES = frozenset(
    {".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif"}
    | {".h264", ".h265", ".hevc", ".insv", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg"}
    | {".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut"}
    | {".ogg", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vob", ".webm", ".wmv", ".wtv"}
    | {".y4m"}
)


def normal(name: str) -> str:
    """Returns a name in one Unicode form: macOS writes "é" as two characters, others as one."""
    return unicodedata.normalize("NFC", name)


def walk(root: Path) -> Iterator[Path]:
    """Yields every file below a folder, in no particular order. The folder itself may be a link.

    Hidden files and folders are left out, because programs make them and they hold no videos.

    Raises:
      InputError: A folder below cannot be read, or is a link. A link could lead anywhere, even
        back to a folder above.
    """

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}; make it readable") from error

    for folder, subfolders, names in os.walk(root, onerror=refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in subfolders:
            if (path := Path(folder, name)).is_symlink():
                raise InputError(f"{path}: is a link to a folder; replace it by the folder itself")
        yield from (Path(folder, name) for name in names if not name.startswith("."))


class VideoFolder:
    """A folder of videos, in any of the layouts that are in use."""

    def __init__(self, root: Path, *, exact: bool = False, ignore_case: bool = False) -> None:
        """Opens the folder.

        Args:
          root: The folder.
          exact: Look for a file only at the path in the list. For people's own videos, because
            their lists match their folders, and 1.mp4 in another folder is another video.
          ignore_case: Ignore case in file names. UCF101 needs this: its class is
            HandstandPushups, its files are v_HandStandPushups_*, and some copies rename one of
            them to match the other.

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
        """Returns the first of `files` that exists, or else a file with the same name elsewhere.

        A file whose name has another Unicode form is the same file. The search for the same name,
        which `exact` switches off, ignores folders and extensions, so that other layouts (flat, a
        folder per class, a folder per split) work. If several files have the name, it takes the one
        that shares the most folder names with the listed path, and among those the first in
        alphabetical order.

        Args:
          files: Paths below the folder, the likeliest first.
          where: "file:line" of the list, for the message.

        Returns:
          The file. If there is none, the path where it was looked for first.

        Raises:
          InputError: A path leads out of the folder, or the folder cannot be searched; see `walk`.
        """
        relative = [self.relative(file, where) for file in files]
        for path in relative:
            if self._holds(path):
                return self._inside(self.root / path, where)
        for path in relative:
            if found := self._by_normal_path.get(normal(str(path))):
                return self._inside(found, where)
        for path in () if self._exact else relative:
            if candidates := self._by_stem.get(self._key(path.stem)):
                return self._inside(min(candidates, key=lambda c: _distance(c, path)), where)
        return self.root / relative[0]

    def _holds(self, path: PurePosixPath) -> bool:
        return os.path.isfile(self.root / path)  # noqa: PTH113 - no error for an impossible name

    def relative(self, file: str, where: str) -> PurePosixPath:
        """Returns a path of a list in POSIX form, relative to the folder.

        Args:
          file: The path, relative to the folder, or absolute and below it.
          where: "file:line" of the list, for the message.

        Raises:
          InputError: The path leads out of the folder.
        """
        literal, path = PurePosixPath(file), PurePosixPath(file.replace("\\", "/"))
        for root in (self.root.absolute(), self._resolved_root):
            if path.is_absolute() and path.is_relative_to(root):
                literal = path = path.relative_to(root)
        of_windows = bool(PureWindowsPath(file).drive)
        if (of_windows or path != literal) and _is_inside(literal) and self._holds(literal):
            return literal  # this file exists: the colon or backslash is a part of its name
        if of_windows or not _is_inside(path):
            raise InputError(
                f"{where}: path '{file}' leads out of the video folder; "
                "paths in a list are relative to --videos, or lead into it"
            )
        return path

    def _key(self, stem: str) -> str:
        return normal(stem.casefold() if self._ignore_case else stem)

    @cached_property
    def _by_normal_path(self) -> dict[str, Path]:
        return {normal(str(path.relative_to(self.root))): path for path in walk(self.root)}

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found = defaultdict(list)
        for path in walk(self.root):
            if path.suffix.lower() in VIDEO_SUFFIXES:
                found[self._key(path.stem)].append(path)
        return found

    def _inside(self, path: Path, where: str) -> Path:
        try:
            target = path.resolve()
            loops = target.is_symlink()  # Python 3.13 leaves a link that it cannot follow
        except (OSError, RuntimeError):  # as 3.12 and 3.11 say it
            loops = True
        if loops:
            raise InputError(
                f"{where}: {path} is a link that leads back to itself; replace it by the file"
            )
        if not target.is_relative_to(self._resolved_root):
            raise InputError(
                f"{where}: {path} is a link that leads out of the video folder {self.root}; "
                "replace it by the file itself"
            )
        return path


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _distance(candidate: Path, listed: PurePosixPath) -> tuple[int, str]:
    shared = set(candidate.parent.parts) & set(listed.parent.parts)
    return -len(shared), str(candidate)
