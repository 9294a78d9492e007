"""The error for a video that cannot be used. It names the file and the cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from vidkd_jax.errors import InputError


class VideoError(InputError):
    """A video file cannot be read or written.

    Attributes:
      path: The file, or the address of a stream.
      cause: What is wrong with it, without the file's name (for lists of skipped videos).
    """

    def __init__(self, path: Path | str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path | str, str]]:
        """Pickles the two arguments, so that worker processes can send this error to the parent."""
        return type(self), (self.path, self.cause)


@contextmanager
def ffmpeg_errors(path: Path | str, what: str) -> Iterator[None]:
    """Turns errors of FFmpeg and of the disk into `VideoError`; its cause starts with `what`."""
    try:
        yield
    except av.error.MemoryError as error:  # a damaged file may ask for any size
        raise VideoError(path, f"{what}: asks for more memory than there is") from error
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(path, f"{what}: {error.strerror}") from error
