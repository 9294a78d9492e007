"""The error of a video that cannot be used: always the file and the cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from vidkd_jax.errors import InputError


class VideoError(InputError):
    """A video file cannot be read or written.

    Attributes:
      path: The file.
      cause: What is wrong with it, without the file's name (for lists of skipped videos).
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str]]:
        """Pickles by the two arguments: worker processes send this error home."""
        return type(self), (self.path, self.cause)


@contextmanager
def ffmpeg_errors(path: Path, what: str) -> Iterator[None]:
    """Turns FFmpeg's errors into `VideoError`s that say what was being done.

    The machine's own troubles (no space, no permission, no memory) are not the video's fault: they
    stay what they are, `OSError` or `MemoryError`.
    """
    try:
        yield
    except (av.error.MemoryError, av.error.PermissionError, av.error.BlockingIOError):
        raise
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.FileNotFoundError):
            raise
        raise VideoError(path, f"{what}: {error.strerror}") from error
