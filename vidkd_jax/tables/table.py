"""What a table is: rows of named config overrides, beside the paper's figures."""

import dataclasses
import hashlib
import itertools
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings import config_files

FOLDER = config_files.FOLDER / "tables"
_LONGEST_NAME = 120  # of a folder; longer ones end in a hash


@dataclasses.dataclass(frozen=True)
class Row:
    """One arm of a table.

    Attributes:
      name: as printed.
      config: a file of configs/, without the folder and ".py".
      overrides: dotted config fields.
      teachers: arms whose finished run, of the same seed, teaches this one.
      paper: the paper's own figures, in per cent, by metric; by column where a table has several.
        Its costs, teachers' included: "m_parameters", in millions, and "hours" of training.
      seed_offset: added to every seed: an arm against itself with other seeds is the noise floor.
      against: the row that it is compared with; "": the table's reference.
      cell: its line and column where the paper shows such rows as a grid.
    """

    name: str
    config: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    teachers: tuple["Row", ...] = ()
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seed_offset: int = 0
    against: str = ""
    cell: tuple[str, str] | None = None

    @property
    def slug(self) -> str:
        """What is run, as a folder's name: equal for equal arms of different tables."""
        parts = [self.config]
        parts += [f"{field}={value}" for field, value in sorted(self.overrides.items())]
        parts += [f"from({teacher.slug})" for teacher in self.teachers]
        name = "".join(c if c.isalnum() or c in "+=._-()" else "_" for c in "+".join(parts))
        if len(name) <= _LONGEST_NAME:
            return name
        return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper, or a study of ours.

    Attributes:
      title: with the paper's number.
      rows: the arms.
      reference: the row that differences are taken against.
      scales: by scale, its columns: the configs' arguments (data sets) by heading.
      note: what a reader must know.
      pictures: names of `pictures.PICTURES` to draw of the runs.
      shows_table: False where the pictures are all that the paper shows.
    """

    title: str
    rows: tuple[Row, ...]
    reference: str
    scales: Mapping[str, Mapping[str, str]]
    note: str = ""
    pictures: tuple[str, ...] = ()
    shows_table: bool = True

    def against(self, row: Row) -> str:
        """Returns the name of the row that `row` is compared with."""
        return row.against or self.reference


@dataclasses.dataclass(frozen=True)
class Arm:
    """One row on one data set with one seed: a run.

    Attributes:
      row: what is run.
      dataset: the config's argument.
      seed: of the run.
    """

    row: Row
    dataset: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Returns its workdir."""
        return out / "runs" / self.dataset / self.row.slug / f"seed{self.seed}"

    def is_finished(self, out: Path) -> bool:
        """Whether it has its results; a run that goes on has none."""
        return (self.folder(out) / "summary.json").exists()

    def teachers(self) -> list["Arm"]:
        """Returns the runs that must be finished before this one."""
        return [row_arm(teacher, self.dataset, self.seed) for teacher in self.row.teachers]


def row_arm(row: Row, dataset: str, seed: int) -> Arm:
    """Returns a row's run for a seed of the table, which the row may offset."""
    return Arm(row, dataset, seed + row.seed_offset)


def arms(row: Row, dataset: str, seeds: int) -> list[Arm]:
    """Returns a row's runs on one data set."""
    return [row_arm(row, dataset, seed) for seed in range(seeds)]


def finished_arms(row: Row, dataset: str, out: Path, seeds: int) -> list[Arm]:
    """Returns a row's finished runs on one data set, up to the first seed that is not."""
    return list(itertools.takewhile(lambda arm: arm.is_finished(out), arms(row, dataset, seeds)))


def finished_part(table: Table, dataset: str, out: Path) -> tuple[Table, list[str], list[str]]:
    """Returns the table of the rows that have a finished run on one data set, and what it leaves.

    Returns:
      The table; the rows without a finished run; those that have one, but not what they are
      compared with.
    """
    finished = {row.name for row in table.rows if finished_arms(row, dataset, out, seeds=1)}
    by_name = {row.name: row for row in table.rows}

    def is_shown(name: str) -> bool:
        against = table.against(by_name[name])
        return name in finished and (against == name or is_shown(against))

    shown = {name for name in by_name if is_shown(name)}
    return (
        dataclasses.replace(table, rows=tuple(row for row in table.rows if row.name in shown)),
        [name for name in by_name if name not in finished],
        [name for name in by_name if name in finished - shown],
    )


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
