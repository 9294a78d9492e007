"""Reads text files that may have byte-order marks, Windows line ends and blank lines."""

from pathlib import Path

from vidkd_jax.errors import InputError


def read_text(path: Path) -> str:
    """Returns the file's text.

    Raises:
      InputError: The file does not exist, cannot be read or is not UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check where the lists are") from error
    if "\0" in text:
        raise InputError(f"{path}: is not a text file")
    return text


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Returns ("file:line", stripped line) for each line that is not blank.

    Raises:
      InputError: The file cannot be read (see `read_text`) or has only blank lines.
    """
    lines = enumerate(read_text(path).splitlines(), 1)
    numbered = [(f"{path}:{number}", line.strip()) for number, line in lines if line.strip()]
    if not numbered:
        raise InputError(f"{path}: the list is empty")
    return numbered


def require_folder(path: Path, holds: str) -> Path:
    """Returns `path` if it is a folder.

    Raises:
      InputError: It is not a folder. The message says what the folder must hold.
    """
    if not path.is_dir():
        raise InputError(f"--annotations={path}: must be the folder that holds {holds}")
    return path


def check_label(label: str, where: str) -> None:
    """Checks that a label from a CSV file is a single line.

    Raises:
      InputError: The label has several lines. The message names `where`.
    """
    if len(label.splitlines()) > 1:
        raise InputError(f"{where}: the label has a line end in it; close the quotes around it")
