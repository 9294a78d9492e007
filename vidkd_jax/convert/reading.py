"""Checkpoint files of PyTorch, safetensors, NumPy and Keras, read without running their code."""

import hashlib
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.convert.keras_layout import read_layers
from vidkd_jax.errors import InputError

_EXTRA = "pip install 'vidkd_jax[convert]'"


def read_checkpoint(path: Path) -> Any:
    """Returns what the file holds, its tensors as NumPy arrays; of .h5 the layers' arrays.

    Raises:
      InputError: there is no such file, its kind is unknown, a library for it is missing, it is
        damaged, or it holds objects that would run code.
    """
    if not path.is_file():
        raise InputError(f"--checkpoint={path}: no such file")
    if path.suffix not in _READERS:
        raise InputError(f"--checkpoint={path}: give a file of {', '.join(_READERS)}")
    try:
        return _READERS[path.suffix](path)
    except ImportError as error:
        raise InputError(
            f"--checkpoint={path}: reading it needs {error.name}; {_EXTRA} brings it"
        ) from error
    except Exception as error:  # a foreign or damaged file may raise anything
        raise InputError(_explain(path, error)) from error


def sha256(path: Path) -> str:
    """Returns the file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_torch(path: Path) -> Any:
    import torch  # an extra: never needed at run time

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old and foreign files make torch narrate
        return _as_numpy(torch.load(path, map_location="cpu", weights_only=True))


def _as_numpy(value: Any) -> Any:
    """Returns nested dictionaries with NumPy arrays for tensors, float32 for all floats."""
    import torch

    if isinstance(value, Mapping):
        return {name: _as_numpy(entry) for name, entry in value.items()}
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return (value.float() if value.is_floating_point() else value).numpy()
    return value


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file  # an extra

    return load_file(path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".pth": _read_torch,
    ".pt": _read_torch,
    ".tar": _read_torch,
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".h5": read_layers,
}


def _explain(path: Path, error: Exception) -> str:
    """Returns one line: the file holds code, or is damaged."""
    if code := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"--checkpoint={path}: holds {code[1]} beside tensors, and loading that would run its "
            "code; save the state_dict alone"
        )
    cause = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
    if isinstance(error, pickle.UnpicklingError):  # torch advises to run the file's code
        cause = "cannot be read as tensors alone"
    return f"--checkpoint={path}: is no {path.suffix} checkpoint, or is damaged ({cause})"
