"""What a table is: its rows, each a config with overrides, and the paper's own figures."""

import dataclasses
import hashlib
import runpy
from collections.abc import Mapping
from typing import Any

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.settings import config_files
from vidkd_jax.tables.item_metrics import is_of_pairs
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import SHOWN, lookup

FOLDER = config_files.FOLDER / "tables"
BUILT_IN = "marionette"  # the scale of the built-in videos, which every table but one has
TEACHERS = "teachers.runs"  # the field whose runs teach: they count in a row's parameters and FLOPs
PAPER_COSTS = ("m_parameters", "hours")  # that `Row.paper` may have beside metrics
_LONGEST_NAME = 120  # characters of a folder's name; a longer one is cut and ends in a hash


class _Seed:
    """Stands for the table's seed in an override."""

    def __repr__(self) -> str:
        return "SEED"


# As the value of an override: the seed of the table, alike in all rows, whatever their offsets.
SEED = _Seed()


@dataclasses.dataclass(frozen=True)
class Selection:
    """How a row answers a test video: by chosen clips alone, which a teacher sees.

    Attributes:
      selector: what chooses the clips, a name of `vidkd_jax.inference.selectors`.
      k: how many clips of a video are answered; several: the best of these on validation videos.
        Where `stop_at` is given, how many at most.
      teacher: the row whose run answers the clips, while the row's own run is the sampler, which
        sees all of them; None: the row's own run answers, and there is no sampler.
      student_k: how many of the k clips the sampler answers by itself (ConDi, Table 4.7).
      passes: how often a selector that draws chooses; the figures are means over the passes.
      shuffled: whether every video has another one's label: what an oracle then reaches is the
        reward for having looked at the label.
      stop_at: the teacher answers one clip after the other, best first, until the running mean's
        top-1 probability is this high, as `predict --stop_at` does; several: the best of these on
        validation videos; None: it answers all that are chosen.
    """

    selector: str
    k: int | tuple[int, ...] = 1
    teacher: "Row | None" = None
    student_k: int = 0
    passes: int = 1
    shuffled: bool = False
    stop_at: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuses what no study answers.

        Raises:
          InputError: names the field.
        """
        if self.stop_at is not None and self.student_k:
            raise InputError("stop_at: the sampler answers no clips there; leave student_k out")
        for threshold in self.thresholds():
            if threshold is not None and not 0 < threshold <= 1:
                raise InputError(f"stop_at={threshold:g}: give a probability above 0, at most 1")

    def all_ks(self) -> tuple[int, ...]:
        """Returns the numbers of clips that are tried."""
        return (self.k,) if isinstance(self.k, int) else self.k

    def thresholds(self) -> tuple[float | None, ...]:
        """Returns the values of `stop_at` that are tried."""
        return self.stop_at if isinstance(self.stop_at, tuple) else (self.stop_at,)

    def tried(self) -> tuple["Selection", ...]:
        """Returns the selections of one k and one threshold, of which one is shown."""
        return tuple(
            dataclasses.replace(self, k=k, stop_at=threshold)
            for k in self.all_ks()
            for threshold in self.thresholds()
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table: a config with overrides, run with several seeds.

    Attributes:
      name: as the table prints it.
      config: a file of configs/, without the folder and ".py".
      overrides: {dotted config field: value}. A value may be another Row, or a tuple that contains
        Rows: `{"teachers.runs": (R50,)}`, `{"model.init_from": PRETRAINED}`,
        `{"train.fork_from": TRUNK, "train.fork_epoch": 10}`. Such a row is run first, and the field
        gets the folder of its run: of the same seed plus the needed row's own `seed_offset`, or of
        its `only_seed`, on the same data set unless the needed row names its own.
        A value may be `SEED`: `{"data.subset_seed": SEED}` draws other videos for each seed.
      paper: the paper's own figures, in per cent, by metric; by column where a table has several.
        The paper's costs, teachers' included: "m_parameters", in millions, and "hours" of training.
      seed_offset: added to every seed. A row against the same row with other seeds is the noise
        floor.
      only_seed: the one seed that this row is run with, whichever seed's run needs it: of a large
        teacher that all students share. None: every seed has a run of its own.
      against: the name of the row that this one is compared with; "": the table's reference.
      cell: line and column of this row where the paper shows such rows as a grid.
      dataset: the config's argument where it is not the column's: of a teacher trained on another
        data set, or of pretraining on a larger one. A mapping gives it for some columns' arguments;
        "" there: in this column a row that needs this one does without it.
      converted: by a column's argument, the folder below OUT/weights that stands for this row's run
        there: of a network trained elsewhere, which `python -m vidkd_jax.convert` has written. Only
        a row that others need has it.
      selection: which clips of the column's test videos are answered, and by whom; None: the row
        shows the run's own test.
    """

    name: str
    config: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seed_offset: int = 0
    only_seed: int | None = None
    against: str = ""
    cell: tuple[str, str] | None = None
    dataset: str | Mapping[str, str] = ""
    converted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    selection: Selection | None = None

    def choosing(
        self,
        k: int | tuple[int, ...],
        student_k: int = 0,
        stop_at: float | tuple[float, ...] | None = None,
        **fields: Any,
    ) -> "Row":
        """Returns the row with another number of clips, and other fields.

        Args:
          k: of its selection, which it must have.
          student_k: likewise.
          stop_at: likewise.
          **fields: of the row.
        """
        if self.selection is None:
            raise ValueError(f"row '{self.name}' chooses no clips")
        selection = dataclasses.replace(self.selection, k=k, student_k=student_k, stop_at=stop_at)
        return dataclasses.replace(self, selection=selection, **fields)

    def dataset_in(self, column: str) -> str:
        """Returns the config's argument in a column whose argument is `column`."""
        if isinstance(self.dataset, str):
            return self.dataset or column
        return self.dataset.get(column, column)

    def is_in(self, column: str) -> bool:
        """Returns whether there is such a run in a column whose argument is `column`."""
        return bool(self.dataset_in(column))

    @property
    def slug(self) -> str:
        """The name of the row's folder: equal for equal rows of different tables.

        The rows that it needs are in the name. Of a teacher the seed offset is not, because
        finished runs have the names that they have: `in_order` refuses two rows that would share
        a folder.
        """
        parts = [self.config]
        taught = ""
        for field, value in sorted(self.overrides.items()):
            if not rows_in(value):
                parts.append(f"{field}={value}")
            elif field == TEACHERS:
                taught = _names(value, with_offset=False)
            else:
                parts.append(f"{field}={_names(value, with_offset=True)}")
        parts += filter(None, [taught])  # teachers stand last
        name = file_name("+".join(parts))
        if len(name) <= _LONGEST_NAME:
            return name
        return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def file_name(text: str) -> str:
    """Returns a text as a folder's name, with "_" for what a shell or a file system may read."""
    return "".join(c if c.isalnum() or c in "+=._-()" else "_" for c in text)


def rows_in(value: Any) -> tuple[Row, ...]:
    """Returns the rows that an override's value is, or contains."""
    parts = value if isinstance(value, tuple) else (value,)
    return tuple(part for part in parts if isinstance(part, Row))


def _names(value: Any, *, with_offset: bool) -> str:
    """Returns an override that names rows, as a part of a folder's name."""
    names = []
    for part in value if isinstance(value, tuple) else (value,):
        name = part
        if isinstance(part, Row):
            offset = f"+seed_offset={part.seed_offset}" if with_offset and part.seed_offset else ""
            if part.only_seed is not None:
                offset = f"+seed={part.only_seed}"
            # A mapping is a function of the column, which is in the path already.
            own = part.dataset if isinstance(part.dataset, str) else ""
            dataset = f"+dataset={own}" if own else ""
            name = f"{part.slug}{offset}{dataset}"
        names.append(f"from({name})")
    return "+".join(names)


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
      curve: the validation metric, of metrics.jsonl, that the picture `accuracy_by_epoch` shows.
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
    curve: str = "clip_top1"

    def at(self, scale: str) -> "Table":
        """Returns the table as one of its scales shows it.

        Motion and direction are of pairs of classes, which the built-in videos alone have. Where
        one of them is the headline, it is the first other metric elsewhere.
        """
        if scale == BUILT_IN:
            return self
        kept = tuple(metric for metric in self.shown_metrics() if not is_of_pairs(metric))
        names = [metric.name for metric in kept]
        headline = self.headline if self.headline in names else names[0]
        return dataclasses.replace(self, metrics=kept, headline=headline)

    def against(self, row: Row) -> str:
        """Returns the name of the row that `row` is compared with."""
        return row.against or self.reference

    def compared_with(self, name: str) -> "Table":
        """Returns the table with all rows compared with one row, but for those of the noise floor.

        Raises:
          InputError: there is no such row.
        """
        names = [row.name for row in self.rows]
        if name not in names:
            raise InputError(f"no row '{name}'{suggest(name, names)}")
        rows = [
            dataclasses.replace(row, against=self.against(row) if row.name in self.noise else name)
            for row in self.rows
        ]
        return dataclasses.replace(self, rows=tuple(rows), reference=name)

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
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def load_table(name: str) -> Table:
    """Returns the table that a file of configs/tables defines as `TABLE`.

    Raises:
      InputError: there is no such table, or its file is wrong.
    """
    if name not in available():
        raise InputError(f"--table={name}: no such table{suggest(name, available())}")
    path = FOLDER / f"{name}.py"
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
    table.headline_metric()
    columns = {heading for datasets in table.scales.values() for heading in datasets}
    known = columns - {""}
    if "" in columns:
        known |= {*PAPER_COSTS, *(metric.name for metric in table.shown_metrics())}
    for row in table.rows:
        answering = row.selection.teacher if row.selection else None
        if row.converted or (answering and answering.converted):
            raise InputError(
                f"row '{row.name}': converted: only a row that another one's overrides need has it"
            )
        for name in row.paper:
            if name not in known:
                raise InputError(f"row '{row.name}': paper: no '{name}'{suggest(name, known)}")
