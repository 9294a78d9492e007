"""The runs of a table: a row on one data set with one seed, its folder, and what it needs first."""

import dataclasses
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vidkd_jax.errors import InputError
from vidkd_jax.run.saved import is_finished, saved_summary
from vidkd_jax.tables.row import SEED, Row, rows_in, with_rows
from vidkd_jax.tables.table import Table

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One row on one data set with one seed: a run.

    Attributes:
      row: what is run.
      dataset: the config's argument.
      seed: of the run.
      table_seed: that `SEED` stands for: the table's own, alike in all runs that a row needs,
        whatever their offsets; of a row with one seed only, this one.
      out: the folder that all tables share.
    """

    row: Row
    dataset: str
    seed: int
    table_seed: int
    out: Path

    @property
    def kind(self) -> Path:
        """The folder of runs that differ by their seeds alone, relative to all tables' runs."""
        return Path(self.dataset, self.row.slug_in(self.dataset))

    @property
    def folder(self) -> Path:
        """The run's workdir."""
        return self.out / "runs" / self.kind / f"seed{self.seed}"

    @property
    def answers(self) -> Path:
        """The folder of trained networks' answers about evaluation clips, which all runs share."""
        return self.out / "scores"

    def is_finished(self) -> bool:
        """Whether the run has its results, see `run.saved.is_finished`."""
        return is_finished(self.folder)

    def needs(self, field: str = "") -> list["Arm"]:
        """Returns the runs that must be finished before this one.

        Args:
          field: only those that this override names; "": those of all overrides, and the teacher
            of the row's selection.
        """
        rows = [row for row in self._rows_of(field) if not row.converted_in(self.dataset)]
        found = [self._needed(row) for row in rows]
        return found if field else found + self.answering()

    def converted(self, field: str = "") -> list[Path]:
        """Returns the folders of converted weights that this run needs.

        Args:
          field: only those that this override names; "": those of all overrides.
        """
        return [
            self._converted_folder(row)
            for row in self._rows_of(field)
            if row.converted_in(self.dataset)
        ]

    def _rows_of(self, field: str) -> list[Row]:
        """Returns the rows that an override names; "": all of them."""
        overrides = self.row.overrides_in(self.dataset).items()
        return [row for name, value in overrides if field in ("", name) for row in rows_in(value)]

    def answering(self) -> list["Arm"]:
        """Returns the run that answers clips for this one, where the row's selection names one."""
        selection = self.row.selection
        if selection is None or selection.teacher is None:
            return []
        return [self._needed(selection.teacher)]

    def overrides(self) -> dict[str, Any]:
        """Returns the row's overrides, with the folder of a run in place of each row."""

        def folder_of(row: Row) -> str:
            if row.converted_in(self.dataset):
                return str(self._converted_folder(row))
            return str(self._needed(row).folder)

        return {
            field: self.table_seed if value is SEED else with_rows(value, folder_of)
            for field, value in self.row.overrides_in(self.dataset).items()
        }

    def _needed(self, row: Row) -> "Arm":
        """Returns the run of a row that this one needs: its seed is this one's, plus its offset."""
        if row.only_seed is not None:
            return row_arm(row, self.dataset, self.seed, self.out)
        seed = self.seed + row.seed_offset
        return Arm(row, row.dataset_in(self.dataset), seed, self.table_seed, self.out)

    def _converted_folder(self, row: Row) -> Path:
        return self.out / "weights" / row.converted_in(self.dataset)


def row_arm(row: Row, dataset: str, seed: int, out: Path = Path()) -> Arm:
    """Returns a row's run.

    Args:
      row: what is run.
      dataset: of the column; the row may name its own.
      seed: of the table; the row's offset is added, or its only seed taken instead.
      out: the folder that all tables share, where it matters.
    """
    if row.only_seed is not None:
        return Arm(row, row.dataset_in(dataset), row.only_seed, row.only_seed, out)
    return Arm(row, row.dataset_in(dataset), seed + row.seed_offset, seed, out)


def arms(row: Row, dataset: str, seeds: int, out: Path = Path()) -> list[Arm]:
    """Returns a row's runs in one column, for the table's first `seeds` seeds."""
    count = seeds if row.only_seed is None else 1
    return [row_arm(row, dataset, seed, out) for seed in range(count)]


def in_order(wanted: Iterable[Arm]) -> list[Arm]:
    """Returns the runs and all that they need, each once, and after the runs that it needs.

    Raises:
      InputError: two rows that are not the same would run in the same folder.
    """
    ordered: dict[Path, Arm] = {}

    def add(arm: Arm) -> None:
        for needed in arm.needs():
            add(needed)
        _check_same_run(arm, ordered.setdefault(arm.folder, arm))

    for arm in wanted:
        add(arm)
    return list(ordered.values())


def _check_same_run(arm: Arm, other: Arm) -> None:
    """Refuses two runs of one folder that are not the same run."""
    ours, theirs = arm.overrides(), other.overrides()
    if (arm.row.config, ours) != (other.row.config, theirs):
        fields = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        raise InputError(
            f"rows '{other.row.name}' and '{arm.row.name}': they differ in "
            f"{', '.join(fields) or 'config'} and would share the folder '{arm.folder}'; "
            "give their teachers one seed_offset, which the folder's name does not say, or set "
            "another override apart"
        )


def finished_arms(row: Row, dataset: str, outs: Iterable[Path], seeds: int) -> list[Arm]:
    """Returns a row's finished runs in one column, of the table's first `seeds` seeds.

    Raises:
      InputError: all seeds share the row's run, and two folders have two runs instead of copies.
    """
    every = [arm for out in outs for arm in arms(row, dataset, seeds, out) if arm.is_finished()]
    if row.only_seed is not None:
        return _one_of_copies(every)
    return sorted(every, key=lambda arm: arm.table_seed)


def _one_of_copies(found: list[Arm]) -> list[Arm]:
    """Returns the first of several folders' copies of one finished run."""
    summaries = [saved_summary(arm.folder) for arm in found]
    weights = [summary.get("weights", summary) for summary in summaries]  # old runs have no digest
    for arm, other in zip(found, weights, strict=True):
        if other != weights[0]:
            raise InputError(
                f"'{arm.folder}' and '{found[0].folder}' are two runs of row '{arm.row.name}', of "
                "which all seeds share one: copy it from one folder to the other before the runs "
                "that need it, or show one of the folders"
            )
    return found[:1]


def finished_by_seed(
    rows: Iterable[Row], dataset: str, outs: Iterable[Path], seeds: int
) -> dict[str, dict[int, Arm]]:
    """Returns the finished runs of each row in one column, by the table's seed.

    Args:
      rows: of the table.
      dataset: of the column.
      outs: folders of runs, each with seeds of its own.
      seeds: how many of the table's seeds count.

    Raises:
      InputError: two folders have runs of one seed, which on two machines are nearly the same, or
        not the same one of those that all seeds share.
    """
    outs = tuple(outs)
    finished = {row.name: finished_arms(row, dataset, outs, seeds) for row in rows}
    where: dict[int, Path] = {}
    every = (arm for runs in finished.values() for arm in runs)
    for arm in (arm for arm in every if arm.row.only_seed is None):
        if (other := where.setdefault(arm.table_seed, arm.out)) != arm.out:
            raise InputError(
                f"--out: '{other}' and '{arm.out}' both have runs of seed {arm.table_seed}, such "
                f"as row '{arm.row.name}'; equal seeds are nearly the same run on two machines and "
                "count once: show one of the folders, or move that seed's runs out of the other"
            )
    return {row: {arm.table_seed: arm for arm in runs} for row, runs in finished.items()}


def paired(
    row: str, reference: str, runs: Mapping[str, Mapping[int, T]], shared: Container[str]
) -> dict[int, tuple[T, T]]:
    """Returns a row's runs, each with the run of its reference that it is compared with, by seed.

    Args:
      row: its name.
      reference: the name of the row that it is compared with.
      runs: of each row, by the table's seed.
      shared: rows of a single run, which is compared with every seed.
    """
    ours, theirs = runs[row], runs[reference]
    if row in shared:
        return {seed: (our, their) for our in ours.values() for seed, their in theirs.items()}
    if reference in shared:
        return {seed: (our, their) for their in theirs.values() for seed, our in ours.items()}
    return {seed: (ours[seed], theirs[seed]) for seed in ours if seed in theirs}


def finished_part(
    table: Table, finished: Mapping[str, Mapping[int, T]]
) -> tuple[Table, list[str], list[str]]:
    """Returns what can be shown of one column.

    Args:
      table: with all rows.
      finished: their finished runs in the column.

    Returns:
      The table with the rows that have a finished run, and whose reference has one of the same
      seed; the names of the rows without a finished run; the names of the rows that have one, but
      whose reference has none of its seeds.
    """
    by_name = {row.name: row for row in table.rows}

    def is_shown(name: str) -> bool:
        against = table.against(by_name[name])
        has_pair = bool(paired(name, against, finished, table.shared_rows()))
        return has_pair and (against == name or is_shown(against))

    shown = {name for name in by_name if is_shown(name)}
    return (
        dataclasses.replace(table, rows=tuple(row for row in table.rows if row.name in shown)),
        [name for name in by_name if not finished[name]],
        [name for name in by_name if finished[name] and name not in shown],
    )
