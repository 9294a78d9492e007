"""What several rows of a table say together: the average of their differences, and how sure it is.

A claim such as "a teacher helps" is of no single row. Rows that are compared with the same run have
its chance in common, so they count as one: the average is over the runs that are compared with, and
its interval is Student's over these. How far networks differ in what they gain is in that interval;
what all rows have in common, such as the test videos or one teacher's luck, is not.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from vidkd_jax.tables import power
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.statistics import Estimate


@dataclasses.dataclass(frozen=True)
class Average:
    """One figure of rows that are taken together.

    Attributes:
      name: of the rows, in `Table.averages`.
      rows: how many of them are finished.
      of: how many the table has.
      metric: which the difference is of.
      difference: from the rows that they are compared with; `per_seed` has one number of each run
        that is compared with.
      seeds: how many seeds these runs are of.
      paper: the same average of the paper's figures; None where the paper has none.
    """

    name: str
    rows: int
    of: int
    metric: Metric
    difference: Estimate
    seeds: int
    paper: float | None

    def seeds_for(self, effect: float) -> tuple[int, int] | None:
        """Returns how many seeds of every row see an average of this size in four of five studies.

        Args:
          effect: the average, in the metric's unit.

        Returns:
          By the spread that there is, and by the largest that it hardly exceeds; None where a
          single run, or an effect of nothing, says nothing.
        """
        count = len(self.difference.per_seed)
        if count < 2 or not effect:
            return None
        spread = self.difference.std, power.largest_std(self.difference.std, count)
        each = (power.seeds_needed(std, abs(effect)) * self.seeds / count for std in spread)
        few, many = (math.ceil(seeds) for seeds in each)
        return few, many


def averages(column: Column) -> list[Average]:
    """Returns the table's averages of one column, each of every metric that it shows."""
    found = []
    for name, of in column.table.averages.items():
        rows = [row for row in column.table.rows if row.name in of]
        for metric in filter(_is_of_two, column.table.shown_metrics()) if rows else ():
            by_run = _by_run(column, [row.name for row in rows], metric)
            difference = mean_of([float(np.mean(each)) for each in by_run.values()])
            seeds = len({seed for _, seed in by_run})
            paper = _of_paper(column, metric, of)
            found.append(Average(name, len(rows), len(of), metric, difference, seeds, paper))
    return found


def _is_of_two(metric: Metric) -> bool:
    """Returns whether a metric has a difference, or is one itself: a share of pairs is none."""
    return metric.of_pair is None or bool(metric.sign)


def _by_run(
    column: Column, rows: Iterable[str], metric: Metric
) -> dict[tuple[str, int | None], list[float]]:
    """Returns the differences from each run that is compared with: the name of its row, its seed.

    The seed is None where a single run is in every pair.
    """
    shared = column.table.shared_rows()
    found: dict[tuple[str, int | None], list[float]] = {}
    for row in rows:
        against = column.table.against(column.table.row(row))
        differences = column.figures[row][metric.name][1].per_seed
        for seed, difference in zip(column.pairs[row], differences, strict=True):
            run = (against, None if {row, against} & shared else seed)
            found.setdefault(run, []).append(difference)
    return found


def mean_of(values: Sequence[float]) -> Estimate:
    """Returns the mean of independent numbers with Student's 95 % interval; NaN of one number."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Estimate(mean, math.nan, math.nan, math.nan, tuple(values))
    std = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(0.975, count - 1)) * std / math.sqrt(count)
    return Estimate(mean, mean - half, mean + half, std, tuple(values))


def _of_paper(column: Column, metric: Metric, names: Iterable[str]) -> float | None:
    """Returns the average of the paper's differences, in the metric's unit."""
    by_reference: dict[str, list[float]] = {}
    for row in column.table.rows:
        if row.name not in names:
            continue
        reference = column.table.row(column.table.against(row))
        ours, theirs = (column.paper(each).get(metric.name) for each in (row, reference))
        if ours is not None and theirs is not None:
            by_reference.setdefault(reference.name, []).append(ours - theirs)
    if not by_reference:
        return None
    mean = float(np.mean([np.mean(each) for each in by_reference.values()]))
    return mean / 100 if metric.per_cent else mean


def average_lines(found: Sequence[Average]) -> list[list[str]]:
    """Returns averages as the lines of a table; the first are the heads; [] of none."""
    if not found:
        return []
    of_paper = any(average.paper is not None for average in found)
    heads = ["on average", "rows", "figure", "difference", "SD", "of", "seeds for 3 points"]
    if of_paper:
        heads += ["paper", "seeds for the paper's"]
    return [heads, *(_line(average, of_paper=of_paper) for average in found)]


def _line(average: Average, *, of_paper: bool) -> list[str]:
    metric, difference = average.metric, average.difference
    text = metric.text(difference.mean, "+")
    spread = ""
    if not math.isnan(difference.std):
        ends = (metric.text(end, "+") for end in (difference.low, difference.high))
        text, spread = f"{text} [{', '.join(ends)}]", metric.text(difference.std)
    line = [
        average.name,
        f"{average.rows}" if average.rows == average.of else f"{average.rows} of {average.of}",
        metric.heading,
        text,
        spread,
        str(len(difference.per_seed)),
        _seeds(average, 0.03 if metric.per_cent else None),
    ]
    if of_paper:
        paper = average.paper
        line += ["" if paper is None else metric.text(paper, "+"), _seeds(average, paper)]
    return line


def _seeds(average: Average, effect: float | None) -> str:
    """Returns how many seeds see an effect: "4 to 9"; "" where nothing says it."""
    found = average.seeds_for(effect) if effect is not None else None
    if found is None:
        return ""
    few, many = found
    return f"{few}" if few == many else f"{few} to {many}"
