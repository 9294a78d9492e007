"""One column of a table: all that is read of the finished runs on one data set."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.networks.weights import load_card
from vidkd_jax.tables import costs, metrics, statistics
from vidkd_jax.tables.alike import check_alike
from vidkd_jax.tables.arms import Arm, finished_by_seed, finished_part, paired
from vidkd_jax.tables.power import Gate, read_gate
from vidkd_jax.tables.resolving import teachers_elsewhere
from vidkd_jax.tables.row import TEACHERS, TRUNK, Row
from vidkd_jax.tables.run_files import read_number
from vidkd_jax.tables.run_results import RunResult, read_run
from vidkd_jax.tables.selected import check_clips, read_selected
from vidkd_jax.tables.shown import Shown
from vidkd_jax.tables.statistics import Estimate
from vidkd_jax.tables.table import PAPER_COSTS, Table

# Runs of a row, each with the one that it is compared with, by the table's seed.
Pairs = Mapping[int, tuple[Arm, Arm]]


@dataclasses.dataclass(frozen=True)
class Column:
    """The finished runs on one data set.

    Attributes:
      table: with the rows that are shown: they and their references have finished runs.
      missing: names of the rows without a finished run.
      unpaired: names of the rows that have one, but whose reference has none.
      name: the paper's name of the data set; "" where the table has only one.
      dataset: the configs' argument.
      figures: {row: {metric: (figure, difference from the row's reference)}}.
      seeds: {row: {the table's seed: the run's own}} of each row's finished runs.
      pairs: the same of those that are compared with a run of the row's reference.
      same_networks: rows whose clips the runs answer that answer their reference's.
      params: by row, millions of parameters of the student and of each teacher.
      gates: of the rows with trained teachers: how good these are.
      departures: settings that all runs were given by flags, in place of the table's.
      minutes: by row, of training, mean over seeds; those of the runs that it needs included.
      num_groups: of the test videos; 0 where no metric has groups.
      folders: the seeds whose runs each of the folders has; a run that all seeds share is of none.
    """

    table: Table
    missing: Sequence[str]
    unpaired: Sequence[str]
    name: str
    dataset: str
    figures: Mapping[str, Mapping[str, tuple[Estimate, Estimate]]]
    seeds: Mapping[str, Mapping[int, int]]
    pairs: Mapping[str, Mapping[int, int]]
    same_networks: frozenset[str]
    params: Mapping[str, tuple[float, ...]]
    minutes: Mapping[str, float]
    gates: Mapping[str, Gate]
    departures: Mapping[str, Any]
    num_groups: int = 0
    folders: Mapping[Path, Sequence[int]] = dataclasses.field(default_factory=dict)

    @property
    def heading(self) -> str:
        """The data set: "marionette", or "UCF101 (marionette)" in a table of several."""
        return f"{self.name} ({self.dataset})" if self.name else self.dataset

    def has_rows(self) -> bool:
        """Whether any row is shown."""
        return bool(self.table.rows)

    def elsewhere(self) -> tuple[str, ...]:
        """Returns the paper's data sets that this scale has no column of."""
        scales = self.table.scales.values()
        here = next((s for s in scales if s.get(self.name) == self.dataset), {self.name: ""})
        return tuple(name for name in self.table.headings() if name not in here)

    def paper(self, row: Row, of: str = "") -> Mapping[str, float]:
        """Returns the paper's figures of a row by metric, and the paper's costs.

        Args:
          row: of the table.
          of: another of the paper's data sets than the column's own.
        """
        plain = {n: f for n, f in row.paper.items() if not isinstance(f, Mapping)}
        if not (name := of or self.name):
            return {n: f for n, f in plain.items() if n not in self.table.headings()}
        costs = {n: f for n, f in plain.items() if n in PAPER_COSTS}
        figures = row.paper.get(name, {})
        if isinstance(figures, Mapping):
            return {**costs, **figures}
        return {**costs, self.table.headline: figures}


def read_column(
    table: Table, name: str, dataset: str, outs: Sequence[Path], seeds: int, data_root: str = ""
) -> Column:
    """Reads the finished runs of one column, at most `seeds` of each row.

    Args:
      table: with all rows.
      name: of the column.
      dataset: the configs' argument.
      outs: the folders of the runs, each with seeds of its own.
      seeds: runs of each row, at most.
      data_root: the records' folder, for rows with a selection; "": the one that the runs had.

    Raises:
      InputError: the runs are not of one recipe and the same test videos, two folders have runs
        of one seed, a run that one of them needed is gone, or a run lacks a metric of the table.
    """
    found = finished_by_seed(table.rows, dataset, outs, seeds)
    table, missing, unpaired = finished_part(table, found)
    finished = {row.name: found[row.name] for row in table.rows}
    every = [arm for runs in finished.values() for arm in runs.values()]
    departures = check_alike(every)
    shown = Shown(table, dataset, outs, seeds, data_root)
    check_clips(every, shown)
    selects = any(row.selection for row in table.rows)
    measured = table.shown_metrics() if selects else metrics.in_csv(table.shown_metrics())

    def read(arm: Arm) -> RunResult:
        if arm.row.selection is None:
            return read_run(arm.folder, measured)
        return read_selected(arm, shown, measured)

    results = {row: {s: read(arm) for s, arm in runs.items()} for row, runs in finished.items()}
    groups = _groups(finished, results)
    references = {row.name: table.against(row) for row in table.rows}
    _check_followed(results, references)
    shared = table.shared_rows()
    pairs = {row: paired(row, references[row], finished, shared) for row in finished}
    same_networks = frozenset(row for row, of in pairs.items() if _of_same_networks(of))
    return Column(
        table=table,
        missing=missing,
        unpaired=unpaired,
        name=name,
        dataset=dataset,
        figures=statistics.compare(results, references, measured, shared, same_networks),
        seeds={row: {s: arm.seed for s, arm in runs.items()} for row, runs in finished.items()},
        pairs={row: {s: arm.seed for s, (arm, _) in of.items()} for row, of in pairs.items()},
        same_networks=same_networks,
        gates=_gates(table, pairs),
        departures=departures,
        num_groups=len(groups),
        folders=_folders(every),
        params={row: _params(next(iter(runs.values()))) for row, runs in finished.items()},
        minutes={
            row: float(np.mean([_minutes(arm) for arm in runs.values()]))
            for row, runs in finished.items()
        },
    )


def _folders(finished: Iterable[Arm]) -> dict[Path, list[int]]:
    """Returns the seeds whose runs each folder has; a run that all seeds share is of none."""
    found: dict[Path, set[int]] = {}
    for arm in finished:
        found.setdefault(arm.out, set()).update({arm.table_seed} - {arm.row.only_seed})
    return {out: sorted(seeds) for out, seeds in found.items()}


def _of_same_networks(pairs: Pairs) -> bool:
    """Whether in each pair of runs the same network answers: a sampler only chooses its clips."""

    def answers(arm: Arm) -> list[tuple[Path, int]]:  # copies in two folders are the same
        return [(each.kind, each.seed) for each in arm.answering() or [arm]]

    return all(answers(ours) == answers(theirs) for ours, theirs in pairs.values())


def _groups(
    finished: Mapping[str, Mapping[int, Arm]],
    results: Mapping[str, Mapping[int, RunResult]],
) -> tuple[str, ...]:
    """Returns the names of the test groups; () where no metric needs them.

    Raises:
      InputError: two runs were tested on different ones.
    """
    groups: tuple[str, ...] = ()
    for row, runs in results.items():
        for seed, result in runs.items():
            groups = groups or result.groups
            if result.groups != groups:
                raise InputError(
                    f"'{finished[row][seed].folder}' was tested on other groups of videos "
                    "than the runs before it: differences would not be paired; run it again"
                )
    return groups


def _check_followed(
    results: Mapping[str, Mapping[int, RunResult]], references: Mapping[str, str]
) -> None:
    """Refuses metrics of the validation that would compare one figure with another.

    Raises:
      InputError: another figure chooses a row's best epoch than its reference's.
    """
    followed = {row: next(iter(runs.values())).followed for row, runs in results.items()}
    for row, reference in references.items():
        if followed[row] != followed[reference]:
            raise InputError(
                f"rows '{row}' and '{reference}': {followed[row]} chooses the best epoch of one, "
                f"{followed[reference]} of the other, so metrics of the validation do not compare "
                "them; leave these out, or compare the row with another one"
            )


def _gates(table: Table, pairs: Mapping[str, Pairs]) -> dict[str, Gate]:
    """Returns the gates of the rows whose runs have measured one."""
    found = {
        row.name: read_gate([*pairs[row.name].values()])
        for row in table.rows
        if table.has_gates and row.selection is None  # else the reference is no student alone
    }
    return {row: gate for row, gate in found.items() if gate is not None}


def _figure(arm: Arm, name: str) -> float:
    """Returns a number of a finished run's summary."""
    if not arm.is_finished():
        raise InputError(
            f"'{arm.folder}' has no results any more, and a finished run was made with it; "
            "run the table without --so_far, which makes them again"
        )
    return read_number(arm.folder, name)


def _params(arm: Arm) -> tuple[float, ...]:
    """Returns the parameters, in millions, of the student and of each teacher."""
    others = {a.folder: a for a in (*arm.needs(TEACHERS), *arm.answering())}
    runs = [_figure(a, "num_params") for a in (arm, *others.values())]
    elsewhere = [costs.of_card(load_card(f))[0] for f in teachers_elsewhere(arm)]
    return tuple(count / 1e6 for count in (*runs, *elsewhere))


def _minutes(arm: Arm) -> float:
    """Returns the minutes of training of a run and of all runs that it needs, each counted once.

    A fork's own minutes hold those of its trunk until the fork; the trunk's others do not count.
    """
    seconds: dict[Path, float] = {}

    def add(run: Arm, *, is_trunk: bool = False) -> None:
        if not is_trunk:
            seconds[run.folder] = _figure(run, "train_seconds")
        trunks = run.needs(TRUNK)
        for needed in run.needs():
            add(needed, is_trunk=needed in trunks)

    add(arm)
    return sum(seconds.values()) / 60
