"""Reads checkpoint files of PyTorch, safetensors, NumPy and Keras, without running their code."""

import hashlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.convert.keras_layout import read_layers
from vidkd_jax.errors import InputError

_EXTRA = "pip install 'vidkd_jax[convert]'"


def read_checkpoint(path: Path) -> Any:
    """Returns the content of the file, with tensors as NumPy arrays; for .h5, see `read_layers`.

    Raises:
      InputError: There is no such file, its kind is unknown, a library for it is missing, it is
        damaged, or it holds objects that would run code.
    """
    if path.is_dir():
        raise InputError(f"--checkpoint={path}: is a folder; {_what_to_give(path)}")
    if not path.is_file():
        raise InputError(f"--checkpoint={path}: there is no such file")
    if path.suffix not in _READERS:
        raise InputError(
            f"--checkpoint={path}: cannot read this kind of file; give a file of "
            f"{', '.join(_READERS)}"
        )
    try:
        return _READERS[path.suffix](path)
    except ImportError as error:
        raise InputError(
            f"--checkpoint={path}: reading it needs {error.name}; install it with {_EXTRA}"
        ) from error
    except Exception as error:  # a foreign or damaged file can raise any error
        raise InputError(_explain(path, error)) from error


def sha256(path: Path) -> str:
    """Returns the file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_torch(path: Path) -> Any:
    import torch  # only installed with the extra 'convert'; never needed for training

    if zipfile.is_zipfile(path):  # torch.load does not compare the checksums
        with zipfile.ZipFile(path) as archive:
            if (part := archive.testzip()) is not None:
                raise ValueError(f"the checksum of its part '{part}' is wrong")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about old and foreign files
        return _as_numpy(torch.load(path, map_location="cpu", weights_only=True))


def _as_numpy(value: Any) -> Any:
    """Converts tensors in nested dictionaries to NumPy arrays; all floats become float32."""
    import torch

    if isinstance(value, Mapping):
        return {name: _as_numpy(entry) for name, entry in value.items()}
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return (value.float() if value.is_floating_point() else value).numpy()
    return value


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file  # only installed with the extra 'convert'

    return load_file(path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".pth": _read_torch,
    ".pt": _read_torch,
    ".pyth": _read_torch,
    ".ckpt": _read_torch,
    ".tar": _read_torch,
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".h5": read_layers,
}


def _what_to_give(folder: Path) -> str:
    """Returns what to do about a folder that was given for a file."""
    if (folder / "model.json").is_file():
        return "it holds converted weights already: use it with --config.model.init_from"
    inside = sorted(path.name for path in folder.iterdir() if path.suffix in _READERS)
    return f"give the file, such as {folder / inside[0]}" if inside else "give a file"


def _explain(path: Path, error: Exception) -> str:
    """Returns the error message for a file that holds code, is damaged or is of another kind."""
    if code := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"--checkpoint={path}: holds {code[1]} beside tensors, and loading that would run its "
            "code; save only the state_dict"
        )
    lines = str(error).strip().splitlines()
    cause = lines[0][:200] if lines else type(error).__name__
    if isinstance(error, LookupError):  # whose text is only what was not found
        cause = type(error).__name__
    if isinstance(error, pickle.UnpicklingError):  # torch's message advises to run the file's code
        cause = "it cannot be read as tensors only"
    return (
        f"--checkpoint={path}: is not a {path.suffix} checkpoint, or is damaged ({cause}); "
        "download or copy it again"
    )
