"""Text files as people hand them over: byte-order marks, Windows line ends, blank lines."""

from pathlib import Path

from vidkd_jax.errors import InputError


def read_text(path: Path) -> str:
    """Returns the file's text.

    Raises:
      InputError: No such file, not readable, or not UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check --annotations") from error
    if "\0" in text:
        raise InputError(f"{path}: is not a text file")
    return text


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Returns ("file:line", stripped line) of each line that is not blank.

    Raises:
      InputError: As `read_text`, or the list is empty.
    """
    lines = enumerate(read_text(path).splitlines(), 1)
    numbered = [(f"{path}:{number}", line.strip()) for number, line in lines if line.strip()]
    if not numbered:
        raise InputError(f"{path}: the list is empty")
    return numbered


def require_folder(path: Path, holds: str) -> Path:
    """Returns `path` if it is a folder.

    Raises:
      InputError: It is none; says what it should hold.
    """
    if not path.is_dir():
        raise InputError(f"--annotations={path}: must be the folder that holds {holds}")
    return path


def check_label(label: str, where: str) -> None:
    """Refuses a label of a CSV file that runs over several lines.

    Raises:
      InputError: It does; names `where`.
    """
    if len(label.splitlines()) > 1:
        raise InputError(f"{where}: the label has a line end in it (an unclosed quote?)")
