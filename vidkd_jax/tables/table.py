"""What a table is: rows that are compared, on one or several data sets."""

import dataclasses
import runpy
from collections.abc import Collection, Mapping
from typing import Any

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings import config_files
from vidkd_jax.tables.item_metrics import is_of_pairs
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import SHOWN, lookup
from vidkd_jax.tables.row import Row

FOLDER = config_files.FOLDER / "tables"
_BUILT_IN = "marionette"  # begins the names of the built-in data sets
PAPER_COSTS = ("m_parameters", "hours")  # that `Row.paper` may have beside metrics


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper, or a study of ours.

    Attributes:
      title: with the paper's number.
      rows: its lines.
      reference: the name of the row that the others are compared with.
      scales: by scale, the table's columns: {heading: data set, which is the configs' argument}.
      note: what a reader must know.
      pictures: names of `pictures.PICTURES` to draw of the runs.
      shows_table: False where the pictures are all that the paper shows.
      metrics: what the table shows, in this order: names of `metrics.METRICS`, or a `Metric` of the
        table's own, such as `Metric("mean_average_precision", "mAP")` for a number that the runs'
        summary.json has under that name.
      headline: the metric of the differences, of the grid and of the paper's figures by data set.
      noise: names of rows that repeat the row that they are compared with: they show how far equal
        runs differ, and so how many seeds an effect wants.
      averages: what several rows say together, below the table: {what they have in common: names of
        rows}, whose differences from the rows that they are compared with are averaged.
      curve: the validation metric, of metrics.jsonl, that the picture `accuracy_by_epoch` shows.
      has_gates: whether rows are compared with their student alone, so that their teachers' gate
        can be told.
    """

    title: str
    rows: tuple[Row, ...]
    reference: str
    scales: Mapping[str, Mapping[str, str]]
    note: str = ""
    pictures: tuple[str, ...] = ()
    shows_table: bool = True
    metrics: tuple[str | Metric, ...] = SHOWN
    headline: str = "video_top1"
    noise: tuple[str, ...] = ()
    averages: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    curve: str = "clip_top1"
    has_gates: bool = True

    def at(self, scale: str) -> "Table":
        """Returns the table as one of its scales shows it.

        Motion and direction are of pairs of classes, which the built-in videos alone have. Where
        one of them is the headline, it is the first other metric elsewhere.

        Raises:
          InputError: no metric is left.
        """
        if all(dataset.startswith(_BUILT_IN) for dataset in self.scales[scale].values()):
            return self
        kept = tuple(metric for metric in self.shown_metrics() if not is_of_pairs(metric))
        names = [metric.name for metric in kept]
        if not names:
            raise InputError(
                f"metrics: all are of pairs of classes, which no data set of scale '{scale}' has; "
                "add one of classes, such as video_top1"
            )
        headline = self.headline if self.headline in names else names[0]
        return dataclasses.replace(self, metrics=kept, headline=headline)

    def against(self, row: Row) -> str:
        """Returns the name of the row that `row` is compared with."""
        return row.against or self.reference

    def headings(self) -> tuple[str, ...]:
        """Returns the names of the paper's data sets, of all scales."""
        every = (name for columns in self.scales.values() for name in columns if name)
        return tuple(dict.fromkeys(every))

    def row(self, name: str) -> Row:
        """Returns the row of a name.

        Raises:
          InputError: there is none.
        """
        rows = {row.name: row for row in self.rows}
        if name not in rows:
            raise InputError(f"'{name}' is none of this table's rows: {', '.join(map(repr, rows))}")
        return rows[name]

    def compared_with(self, name: str) -> "Table":
        """Returns the table with all rows compared with one row, but for those of the noise floor.

        The one row is none of these any more: it would be compared with its own stem. It may have
        teachers, too, so that no row's gate is told.

        Raises:
          InputError: there is no such row.
        """
        reference = self.row(name).name
        noise = tuple(row for row in self.noise if row != reference)
        rows = [
            dataclasses.replace(row, against=self.against(row) if row.name in noise else reference)
            for row in self.rows
        ]
        table = dataclasses.replace(
            self, rows=tuple(rows), reference=reference, noise=noise, has_gates=False
        )
        return table._averaging({row.name for row in rows} - {reference})

    def _averaging(self, kept: Collection[str]) -> "Table":
        """Returns the table with averages of these rows alone."""
        averages = {
            name: rows
            for name, each in self.averages.items()
            if (rows := tuple(row for row in each if row in kept))
        }
        return dataclasses.replace(self, averages=averages)

    def only(self, first: str, *others: str, **fields: Any) -> "Table":
        """Returns the table with a part of its rows, in its own order.

        Args:
          first: the name of the row that the others are compared with.
          *others: their names.
          **fields: other fields of the table.

        Raises:
          InputError: there is no such row.
        """
        shown = {self.row(name).name for name in (first, *others)}
        part = dataclasses.replace(
            self,
            rows=tuple(row for row in self.rows if row.name in shown),
            noise=tuple(n for n in self.noise if {n, self.against(self.row(n))} <= shown),
        )
        return dataclasses.replace(part._averaging(shown).compared_with(first), **fields)

    def choosing(self, k: int, paper: Mapping[str, float], **fields: Any) -> "Table":
        """Returns the table with another number of clips, which every row must choose.

        Args:
          k: the number of clips.
          paper: the paper's Video@1 by row, in per cent; other rows have none.
          **fields: other fields of the table.

        Raises:
          ValueError: a row has no selection.
          InputError: see `Selection`.
        """
        rows = [
            row.choosing(k, paper={"video_top1": paper[row.name]} if row.name in paper else {})
            for row in self.rows
        ]
        return dataclasses.replace(self, rows=tuple(rows), **fields)

    def shared_rows(self) -> frozenset[str]:
        """Returns the names of the rows with a single run, which all seeds share."""
        return frozenset(row.name for row in self.rows if row.only_seed is not None)

    def shown_metrics(self) -> tuple[Metric, ...]:
        """Returns the metrics that the table shows.

        Raises:
          InputError: the table names one that does not exist, or one twice.
        """
        return lookup(self.metrics)

    def headline_metric(self) -> Metric:
        """Returns the metric of the differences.

        Raises:
          InputError: the table does not show it.
        """
        shown = {metric.name: metric for metric in self.shown_metrics()}
        if self.headline not in shown:
            raise InputError(
                f"headline: '{self.headline}' is none of the table's metrics"
                + suggest(self.headline, shown)
            )
        return shown[self.headline]


def available() -> list[str]:
    """Returns the names of all tables."""
    return config_files.names(FOLDER)


def load_table(name: str) -> Table:
    """Returns the table that a file defines as `TABLE`.

    Args:
      name: of a file of configs/tables, or the path of one's own.

    Raises:
      InputError: there is no such table, or its file is wrong, or has the name of one of ours.
    """
    path = config_files.find(name, "--table", FOLDER)
    ours = FOLDER / path.name
    if ours.is_file() and ours.read_bytes() != path.read_bytes():
        raise InputError(
            f"--table={name}: a table of ours has the name of this file, and what the one shows "
            "would take the other's place; rename it"
        )
    try:
        table = runpy.run_path(str(path)).get("TABLE")
        if not isinstance(table, Table):
            raise InputError("defines no TABLE; see the other files there")
        _check(table)
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error
    except Exception as error:  # whatever a table's file may raise
        raise InputError(f"'{path}': {type(error).__name__}: {error}") from error
    return table


def _check(table: Table) -> None:
    """Refuses a table that names rows or metrics which it does not have.

    Raises:
      InputError: names the field.
    """
    names = [row.name for row in table.rows]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"rows: two are called '{twice[0]}'; name them apart")
    for name in (table.reference, *map(table.against, table.rows), *table.noise):
        if name not in names:
            raise InputError(f"reference, against, noise: no row '{name}'{suggest(name, names)}")
    for name, rows in table.averages.items():
        _check_average(table, name, rows)
    for row in table.rows:
        _check_chain(table, row)
    table.headline_metric()
    every = table.scales.values()
    if not every or not all(datasets and all(datasets.values()) for datasets in every):
        raise InputError("scales: give each a column with a data set, such as {'': 'laptop'}")
    for datasets in every:
        _check_columns(datasets)
    metrics = {metric.name for metric in table.shown_metrics()}
    plain = metrics if any("" in datasets for datasets in every) else set[str]()
    for row in table.rows:
        _check_row(row, {*table.headings(), *PAPER_COSTS, *plain}, metrics)


def _check_columns(datasets: Mapping[str, str]) -> None:
    """Refuses two columns of one data set."""
    headings: dict[str, str] = {}
    for heading, dataset in datasets.items():
        if (other := headings.setdefault(dataset, heading)) != heading:
            raise InputError(
                f"scales: columns '{other}' and '{heading}' are both of '{dataset}' and would "
                "show the same runs; give each a data set of its own"
            )


def _check_average(table: Table, name: str, rows: Collection[str]) -> None:
    """Refuses an average of no row, or of one that is compared with itself or with none."""
    if not rows or isinstance(rows, str):
        raise InputError(f"averages: '{name}' has no rows; give a tuple of their names")
    for row in rows:
        if table.against(table.row(row)) == row:
            raise InputError(
                f"averages: '{name}': row '{row}' is compared with itself and has no difference; "
                "leave it out, or give it `against`"
            )


def _check_row(row: Row, known: Collection[str], metrics: Collection[str]) -> None:
    """Refuses a row that is converted itself, or that has figures which no column is of."""
    answering = row.selection.teacher if row.selection else None
    if row.converted or (answering and answering.converted):
        raise InputError(
            f"row '{row.name}': converted: only a row that another one's overrides need has it"
        )
    for name, figures in row.paper.items():
        if name not in known:
            raise InputError(f"row '{row.name}': paper: no '{name}'{suggest(name, known)}")
        for metric in figures if isinstance(figures, Mapping) else ():
            if metric not in metrics:
                hint = suggest(metric, metrics)
                raise InputError(f"row '{row.name}': paper: {name}: no metric '{metric}'{hint}")


def _check_chain(table: Table, row: Row) -> None:
    """Refuses a row that is compared, over others, with itself, but for a reference's own."""
    passed = [row.name]
    while (against := table.against(table.row(passed[-1]))) != passed[-1]:
        if against in passed:
            raise InputError(
                f"row '{row.name}': against: {' - '.join([*passed, against])} goes round in a "
                "circle; compare one of them with the table's reference"
            )
        passed.append(against)
