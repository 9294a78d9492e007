"""One line of a table: a config with overrides, and the runs that it needs."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError

TEACHERS = "teachers.runs"  # the field whose runs teach: they count in a row's parameters and FLOPs
TRUNK = "train.fork_from"  # the field whose run a fork goes on from
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
        if not self.all_ks() or min(self.all_ks()) < 1:
            raise InputError(f"k={self.k}: give numbers of clips from 1 up")
        if not 0 <= self.student_k <= min(self.all_ks()):
            raise InputError(f"student_k={self.student_k}: give 0 to k={min(self.all_ks())}")
        if self.stop_at is not None and self.student_k:
            raise InputError("stop_at: the sampler answers no clips there; leave student_k out")
        if self.passes < 1 or (self.passes > 1 and self.student_k):
            raise InputError(f"passes={self.passes}: give 1 or more, and 1 with student_k")
        if not self.thresholds():
            raise InputError("stop_at=(): give probabilities, or None to answer all chosen clips")
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


def _of_column(found: Mapping[str, str], column: str) -> str | None:
    """Returns what is said of a column; of a data set's further split what is of its first one."""
    return found.get(column, found.get(re.sub(r"_split\d+$", "", column)))


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table: a config with overrides, run with several seeds.

    Attributes:
      name: as the table prints it.
      config: a file of configs/, without the folder and ".py"; or the path of one's own.
      overrides: {dotted config field: value}. A value may be another Row, or a tuple that contains
        Rows: `{"teachers.runs": (R50,)}`, `{"model.init_from": PRETRAINED}`,
        `{"train.fork_from": TRUNK, "train.fork_epoch": 10}`. Such a row is run first, and the field
        gets the folder of its run: of the same seed plus the needed row's own `seed_offset`, or of
        its `only_seed`, on the same data set unless the needed row names its own.
        A value may be `SEED`: `{"data.subset_seed": SEED}` draws other videos for each seed.
      paper: the paper's own figures by metric, in per cent where `Metric.per_cent` is True. Where a
        table has several columns they are by column: {"UCF101": 63.2} of the headline metric, or
        {"UCF101": {"video_top1": 63.2, "video_top5": 85.5}}. The paper's costs, teachers' included:
        "m_parameters", in millions, and "hours" of training.
      seed_offset: added to every seed. A row against the same row with other seeds is the noise
        floor.
      only_seed: the one seed that this row is run with, whichever seed's run needs it: of a large
        teacher that all students share. None: every seed has a run of its own.
      against: the name of the row that this one is compared with; "": the table's reference.
      cell: line and column of this row where the paper shows such rows as a grid.
      dataset: the config's argument where it is not the column's: of a teacher trained on another
        data set, or of pretraining on a larger one. A mapping gives it for some columns' arguments,
        and what it says of "ucf101" is said of "ucf101_split2", too; "" there: in this column a row
        that needs this one does without it.
      converted: likewise by a column's argument, the folder below OUT/weights that stands for this
        row's run there: of a network trained elsewhere, which `python -m vidkd_jax.convert` has
        written. Only a row that others need has it.
      selection: which clips of the column's test videos are answered, and by whom; None: the row
        shows the run's own test.
    """

    name: str
    config: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    paper: Mapping[str, float | Mapping[str, float]] = dataclasses.field(default_factory=dict)
    seed_offset: int = 0
    only_seed: int | None = None
    against: str = ""
    cell: tuple[str, str] | None = None
    dataset: str | Mapping[str, str] = ""
    converted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    selection: Selection | None = None

    def choosing(self, k: int | tuple[int, ...], **fields: Any) -> "Row":
        """Returns the row with another number of clips, and other fields.

        Args:
          k: of its selection, which it must have.
          **fields: of the selection, such as `student_k` and `stop_at`, or of the row.

        Raises:
          ValueError: the row has no selection.
          InputError: see `Selection`.
        """
        if self.selection is None:
            raise ValueError(f"row '{self.name}' chooses no clips")
        of_selection = {each.name for each in dataclasses.fields(Selection)} & {*fields}
        own = {name: fields.pop(name) for name in of_selection}
        selection = dataclasses.replace(self.selection, k=k, **own)
        return dataclasses.replace(self, selection=selection, **fields)

    def dataset_in(self, column: str) -> str:
        """Returns the config's argument in a column whose argument is `column`."""
        if isinstance(self.dataset, str):
            return self.dataset or column
        found = _of_column(self.dataset, column)
        return column if found is None else found

    def converted_in(self, column: str) -> str:
        """Returns the folder of converted weights that stands for the row's run; "": there is none.

        Args:
          column: the argument of the run.
        """
        return _of_column(self.converted, column) or ""

    def is_in(self, column: str) -> bool:
        """Returns whether there is such a run in a column whose argument is `column`."""
        return bool(self.dataset_in(column))

    def overrides_in(self, column: str) -> dict[str, Any]:
        """Returns the overrides in a column, without the rows that there are not there."""
        found = {}
        for field, value in self.overrides.items():
            if isinstance(value, tuple):
                value = tuple(v for v in value if not isinstance(v, Row) or v.is_in(column))
            if not isinstance(value, Row) or value.is_in(column):
                found[field] = value
        return found

    def slug_in(self, column: str) -> str:
        """Returns the name of the row's folder: equal for equal rows of different tables.

        The rows that it needs are in the name, but for one that this column does without. Of a
        teacher the seed offset is not, because finished runs have the names that they have:
        `in_order` refuses two rows that would share a folder.

        Args:
          column: the config's argument of the row's run.
        """
        parts = [_config_name(self.config)]
        taught = ""
        for field, value in sorted(self.overrides_in(column).items()):
            if not rows_in(value):
                parts.append(f"{field}={value}")
            elif field == TEACHERS:
                taught = _names(value, column, with_offset=False)
            else:
                parts.append(f"{field}={_names(value, column, with_offset=True)}")
        parts += filter(None, [taught])  # teachers stand last
        name = file_name("+".join(parts))
        if len(name) <= _LONGEST_NAME:
            return name
        return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _config_name(config: str) -> str:
    """Returns a config's name in a folder's: of one's own file with a digest of the row's path.

    As it is written, so that machines on which the project lies elsewhere name runs alike.
    """
    if "/" not in config and not config.endswith(".py"):
        return config
    path = os.path.normpath(config)
    return f"{Path(path).stem}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def file_name(text: str) -> str:
    """Returns a text as a folder's name, with "_" for what a shell or a file system may read."""
    return "".join(c if c.isalnum() or c in "+=._-()" else "_" for c in text)


def rows_in(value: Any) -> tuple[Row, ...]:
    """Returns the rows that an override's value is, or contains."""
    parts = value if isinstance(value, tuple) else (value,)
    return tuple(part for part in parts if isinstance(part, Row))


def with_rows(value: Any, change: Callable[[Row], Any]) -> Any:
    """Returns an override with `change(row)` for each row that it is, or that it contains."""
    if isinstance(value, tuple):
        return tuple(with_rows(part, change) for part in value)
    return change(value) if isinstance(value, Row) else value


def _names(value: Any, column: str, *, with_offset: bool) -> str:
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
            name = f"{part.slug_in(part.dataset_in(column))}{offset}{dataset}"
        names.append(f"from({name})")
    return "+".join(names)
