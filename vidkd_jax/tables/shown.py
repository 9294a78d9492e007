"""What is shown of a table: its rows on one data set, and their finished runs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.tables.arms import finished_by_seed
from vidkd_jax.tables.table import Table


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a column or a picture shows.

    Attributes:
      table: the table of its rows.
      dataset: the configs' argument of the column.
      outs: the folders of the runs.
      seeds: runs of each row, at most.
      data_root: the records' folder; "": the one that the first row's run had.
    """

    table: Table
    dataset: str
    outs: Sequence[Path]
    seeds: int
    data_root: str = ""

    def by_seed(self) -> dict[str, dict[int, Path]]:
        """Returns the folders of each row's finished runs, by the table's seed."""
        finished = finished_by_seed(self.table.rows, self.dataset, self.outs, self.seeds)
        return {
            row: {seed: arm.folder for seed, arm in runs.items()} for row, runs in finished.items()
        }

    def runs(self) -> dict[str, list[Path]]:
        """Returns the folders of each row's finished runs, one at least."""
        return {row: [*folders.values()] for row, folders in self.by_seed().items()}
