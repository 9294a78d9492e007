"""What several rows of a table say together: the average of their differences, and how sure it is.

A claim such as "a teacher helps" is of no single row. The average is of these rows alone, with
other seeds: rows that are compared with the same run have its chance in common and count as one,
what each reference gains is averaged over the seeds that all of its rows have, and the interval is
Student's by how far the seeds of a reference differ. Of one seed it is by how far the references
differ, which has more in it. What the rows of a seed share, such as a draw of the training videos,
and what all share, such as the test videos or one teacher's luck, is in no interval: the averages
of the seeds are shown.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from vidkd_jax.tables import power
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.statistics import Estimate

# By reference and seed: the mean difference of the rows that are compared with this run. The seed
# is None where a single run is in every pair, or the rows have no seed in common.
_BySeed = Mapping[str, Mapping[int | None, float]]


@dataclasses.dataclass(frozen=True)
class Average:
    """One figure of rows that are taken together.

    Attributes:
      name: of the rows, in `Table.averages`.
      rows: how many of them are finished.
      of: how many the table has.
      pairs: fewest and most seeds that the rows of a reference are compared over.
      metric: which the difference is of.
      difference: from the rows that they are compared with. `std` is of the seeds of a reference,
        or of the references if there is one seed; `per_seed` has the seeds that all references
        have.
      references: how many rows they are compared with.
      freedom: degrees of freedom of its `std`.
      paper: the same average of the paper's figures; None where the paper has not all of them.
    """

    name: str
    rows: int
    of: int
    pairs: tuple[int, int]
    metric: Metric
    difference: Estimate
    references: int
    freedom: int
    paper: float | None

    def seeds_for(self, effect: float) -> str:
        """Returns how many seeds of every row see an average of this size in four of five studies.

        Args:
          effect: the average, in the metric's unit.

        Returns:
          By the spread that there is, and by the largest that it hardly exceeds: "4 to 9"; "" where
          a single run, or an effect of nothing, says nothing.
        """
        if math.isnan(self.difference.std) or not effect:
            return ""
        spread = self.difference.std, power.largest_std(self.difference.std, self.freedom + 1)
        few, many = (power.seeds_needed(std, abs(effect), self.references) for std in spread)
        return power.said(few) if few == many else f"{few} to {power.said(many)}"


def averages(column: Column) -> list[Average]:
    """Returns the table's averages of one column, each of every metric that it shows.

    Of a single finished row there is none: its own difference says more.
    """
    found = []
    for name, of in column.table.averages.items():
        rows = [row.name for row in column.table.rows if row.name in of]
        for metric in filter(_is_of_two, column.table.shown_metrics()) if rows[1:] else ():
            each = _by_seed(column, rows, metric)
            difference, freedom = average(each)
            if math.isnan(difference.mean):
                continue
            pairs = [len(of_seeds) for of_seeds in each.values()]
            found.append(
                Average(
                    name,
                    len(rows),
                    len(of),
                    (min(pairs), max(pairs)),
                    metric,
                    difference,
                    len(each),
                    freedom,
                    _of_paper(column, metric, rows),
                )
            )
    return found


def average(differences: _BySeed) -> tuple[Estimate, int]:
    """Returns the mean over references of their means over seeds, with Student's 95 % interval.

    Args:
      differences: by reference and seed, independent of each other.

    Returns:
      The average, and the degrees of freedom of its standard deviation.
    """
    each = [np.array([*of_seeds.values()]) for of_seeds in differences.values()]
    means, counts = [float(found.mean()) for found in each], [len(found) for found in each]
    if freedom := sum(counts) - len(counts):
        std = math.sqrt(sum(((found - found.mean()) ** 2).sum() for found in each) / freedom)
    elif freedom := len(means) - 1:
        std = float(np.std(means, ddof=1))
    else:
        std = math.nan
    error = std * math.sqrt(sum(1 / count for count in counts)) / len(counts)
    half = float(stats.t.ppf(0.975, freedom)) * error if freedom else math.nan
    mean = float(np.mean(means))
    found = Estimate(mean, mean - half, mean + half, std, _of_whole_seeds(differences))
    return found, freedom


def _of_whole_seeds(differences: _BySeed) -> tuple[float, ...]:
    """Returns the average of each seed that all references have."""
    by_seed = [*differences.values()]
    seeds = [seed for seed in by_seed[0] if all(seed in found for found in by_seed)]
    return tuple(float(np.mean([found[seed] for found in by_seed])) for seed in seeds)


def _is_of_two(metric: Metric) -> bool:
    """Returns whether a metric has a difference, or is one itself: a share of pairs is none."""
    return metric.of_pair is None or bool(metric.sign)


def _by_seed(column: Column, rows: Sequence[str], metric: Metric) -> _BySeed:
    """Returns the mean difference of the rows from each run that they are compared with."""
    return {
        reference: _of_rows_alike(column, of, metric, reference)
        for reference, of in _by_reference(column, rows).items()
    }


def _by_reference(column: Column, rows: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Returns the rows by the one that they are compared with."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(column.table.against(column.table.row(row)), []).append(row)
    return found


def _of_rows_alike(
    column: Column, rows: Sequence[str], metric: Metric, reference: str
) -> Mapping[int | None, float]:
    """Returns the mean difference of the rows from their reference, by seed."""
    shared = column.table.shared_rows()
    differences = [
        dict(zip(column.pairs[row], column.figures[row][metric.name][1].per_seed, strict=True))
        for row in rows
    ]
    seeds = [seed for seed in differences[0] if all(seed in each for each in differences)]
    single = reference in shared or shared.issuperset(rows)
    if not seeds or (single and not column.same_networks.issuperset(rows)):
        return {None: float(np.mean([np.mean([*each.values()]) for each in differences]))}
    return {seed: float(np.mean([each[seed] for each in differences])) for seed in seeds}


def _of_paper(column: Column, metric: Metric, rows: Sequence[str]) -> float | None:
    """Returns the average of the paper's differences, in the metric's unit; None if one lacks."""
    means = []
    for reference, of in _by_reference(column, rows).items():
        theirs, *each = (
            column.paper(column.table.row(row)).get(metric.name) for row in (reference, *of)
        )
        ours = [figure for figure in each if figure is not None]
        if theirs is None or len(ours) < len(each):
            return None
        means.append(np.mean([figure - theirs for figure in ours]))
    mean = float(np.mean(means))
    return mean / 100 if metric.per_cent else mean


def average_lines(found: Sequence[Average]) -> list[list[str]]:
    """Returns averages as the lines of a table; the first are the heads; [] of none."""
    if not found:
        return []
    of_paper = any(average.paper is not None for average in found)
    heads = ["on average", "rows", "figure", "difference", "by seed", "SD", "seeds for 3 points"]
    if of_paper:
        heads += ["paper", "seeds for the paper's"]
    return [heads, *(_line(average, of_paper=of_paper) for average in found)]


def _line(average: Average, *, of_paper: bool) -> list[str]:
    metric, difference = average.metric, average.difference
    text = metric.text(difference.mean, "+")
    if not math.isnan(difference.low):
        ends = (metric.text(end, "+") for end in (difference.low, difference.high))
        text = f"{text} [{', '.join(ends)}]"
    few, many = average.pairs
    rows = f"{average.rows}" if average.rows == average.of else f"{average.rows} of {average.of}"
    line = [
        average.name,
        rows if few == many else f"{rows} (pairs: {few} to {many})",
        metric.heading,
        text,
        ", ".join(metric.text(each, "+") for each in difference.per_seed),
        "" if math.isnan(difference.std) else metric.text(difference.std),
        average.seeds_for(0.03) if metric.per_cent else "",
    ]
    if of_paper:
        paper = average.paper
        line += ["", ""] if paper is None else [metric.text(paper, "+"), average.seeds_for(paper)]
    return line
