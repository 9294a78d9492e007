"""What a table is: rows of named config overrides, beside the paper's figures."""

import dataclasses
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError, suggest

FOLDER = Path(__file__).parents[2] / "configs" / "tables"


@dataclasses.dataclass(frozen=True)
class Row:
    """One arm of a table.

    Attributes:
      name: as printed.
      config: a file of configs/, without the folder and ".py".
      overrides: dotted config fields.
      paper: the paper's own figures by column, in per cent.
      seed_offset: added to every seed: an arm against itself with other seeds is the noise floor.
    """

    name: str
    config: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seed_offset: int = 0

    @property
    def slug(self) -> str:
        """The name, as a folder."""
        return "".join(c if c.isalnum() else "_" for c in self.name.lower()).strip("_")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper, or a study of ours.

    Attributes:
      title: with the paper's number.
      rows: the arms.
      reference: the row that differences are taken against.
      scales: the arguments of the configs by scale, such as {"marionette": "marionette"}.
      note: what a reader must know.
    """

    title: str
    rows: tuple[Row, ...]
    reference: str
    scales: Mapping[str, str]
    note: str = ""


def available() -> list[str]:
    """Returns the names of all tables."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def load_table(name: str) -> Table:
    """Returns the table that a file of configs/tables defines as `TABLE`.

    Raises:
      InputError: no such table.
    """
    if name not in available():
        raise InputError(f"--table={name}: no such table{suggest(name, available())}")
    return runpy.run_path(str(FOLDER / f"{name}.py"))["TABLE"]
