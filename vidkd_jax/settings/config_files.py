"""Where the config files are, and which of them a name means.

A checkout has them in `configs/`, to be read and copied. A wheel has the same files in the package
(setup.py puts them into `vidkd_jax/configs`), so that `--config=ty_r18` works without a checkout.
"""

from pathlib import Path

from vidkd_jax.errors import InputError, suggest

_PACKAGE = Path(__file__).parents[1]
# A checkout has no folder `configs` in its package, and an installed package no other one.
FOLDER = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"


def names() -> list[str]:
    """Returns the names of all configs, such as "ty_r18"."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def find(value: str) -> Path:
    """Returns the file that `--config` means: a path, or the name of one of our configs.

    A file of the user's comes before a config of ours that has the same name.

    Args:
      value: "configs/ty_r18.py", "ty_r18" or "ty_r18.py"; without ":" and what follows it.

    Raises:
      InputError: there is neither such a file nor such a name.
    """
    path = Path(value)
    if path.is_file():
        return path
    ours = FOLDER / f"{value.removesuffix('.py')}.py"
    if value == path.name and ours.is_file():
        return ours
    raise InputError(f"--config={value}: no such file or name{suggest(path.stem, names())}")
