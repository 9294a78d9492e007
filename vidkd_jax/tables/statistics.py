"""Means and intervals over seeds and test groups, from the results of finished runs.

Two things are random in a table's figures: the seed that trained, and the groups (actors, films)
that are in the test set. The interval resamples the groups. A resample of n of them spreads less
than n new ones would, and with normal tails where few groups have Student's: its deviations are
stretched by what both make up for, 1.006 for 288 groups and 1.9 for four (the expanded percentile
interval of Hesterberg 2014, section 5.1). Seeds are few, and resampling three of them would show
half of their spread: the mean over seeds deviates as Student's t says instead. What a run and a
group have in common by chance is in the spread over seeds already, so that only what all runs have
in common is left of the resampled groups (the two-way random effects of Owen 2007, "The pigeonhole
bootstrap"). Differences between rows are paired: the same seeds and the same groups on both sides.
Where n runs are compared with a single one, its chance is in every pair: the mean's variance over
seeds is that of n + 1 runs' and not an n-th of one's (both rows are taken to spread alike). A
number of summary.json has no groups: its interval is over seeds alone.
"""

import dataclasses
import functools
from collections.abc import Container, Mapping, Sequence

import numpy as np
from scipy import stats

from vidkd_jax.errors import InputError
from vidkd_jax.tables.arms import paired
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import METRICS, naming_metric
from vidkd_jax.tables.run_results import RunResult

_RESAMPLES = 10_000
_ROUNDING = 1e-6  # that a share may be beyond 0 or 1
# Weights, resamples times groups: fewer resamples where groups are many, as on Kinetics, where each
# video is one.
_LARGEST = 2**25


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval over seeds and test groups, and its spread over seeds.

    Attributes:
      mean: over seeds.
      low: lower end of the interval of the mean. Of one seed the interval is over test groups
        alone; of one seed and one group, or a metric without groups, it is NaN.
      high: upper end, likewise.
      std: standard deviation over seeds; NaN of one seed.
      per_seed: the figures that `mean` is the mean of.
    """

    mean: float
    low: float
    high: float
    std: float
    per_seed: tuple[float, ...]


def _stretch(num_groups: int) -> float:
    """Returns what a resampled deviation of a mean over groups must be multiplied by."""
    if num_groups < 2:
        return 1.0
    tails = stats.t.ppf(0.975, num_groups - 1) / stats.norm.ppf(0.975)
    return float(tails * np.sqrt(num_groups / (num_groups - 1)))


def _share_in_common(resampled: np.ndarray) -> float:
    """Returns how much of the deviation by resampled groups would stay if there were many runs.

    Args:
      resampled: a figure of each run for each resample, [s, r].
    """
    count, variance = len(resampled), resampled.mean(axis=0).var()
    if count == 1 or variance == 0:
        return 1.0
    of_run_and_group = (resampled.var(axis=1).mean() - variance) * count / (count - 1)
    return float(np.sqrt(np.clip(1 - of_run_and_group / (count * variance), 0, 1)))


def _ends(deviations: np.ndarray) -> tuple[float, float]:
    """Returns the ends of the middle 95 %."""
    low, high = np.quantile(deviations, (0.025, 0.975))
    return float(low), float(high)


class Bootstrap:
    """The resampled groups and seeds, the same for every row: differences are paired."""

    def __init__(self, num_seeds: int, num_groups: int) -> None:
        rng = np.random.default_rng(0)
        num_groups = max(num_groups, 1)  # 0 where no metric has groups: none is resampled
        resamples = min(_RESAMPLES, max(_LARGEST // num_groups, 1_000))
        alike = np.full(num_groups, 1 / num_groups)
        self._weights = rng.multinomial(num_groups, alike, resamples).astype(np.float32)
        known = num_seeds > 1 or num_groups > 1
        self._stretch = _stretch(num_groups) if known else float("nan")
        # Deviation of the mean over seeds, in their standard deviations.
        self._seeds = np.zeros(resamples)
        if num_seeds > 1:
            evenly = (rng.permutation(resamples) + 0.5) / resamples
            self._seeds = stats.t.ppf(evenly, num_seeds - 1) / np.sqrt(num_seeds)

    def _resampled(
        self, runs: Sequence[RunResult], metric: Metric
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns the metric of each run [s], and of each run for resampled groups [s, r].

        The second is None for a metric without groups.
        """
        per_seed = np.array([run.figure(metric)[0] for run in runs])
        if metric.reader is None:
            return per_seed, None
        return per_seed, np.stack([run.figure(metric, self._weights) for run in runs])

    def _estimate(
        self, per_seed: np.ndarray, resampled: np.ndarray | None, *, shared: bool = False
    ) -> Estimate:
        """Returns the mean over seeds, or over pairs of which one run may be `shared` by all."""
        mean = float(per_seed.mean())
        std = float(per_seed.std(ddof=1)) if len(per_seed) > 1 else float("nan")
        seeds = self._seeds * std * (np.sqrt(len(per_seed) + 1) if shared else 1)
        if resampled is None:
            low, high = _ends(seeds)  # NaN of one seed
        else:
            of_groups = resampled.mean(axis=0)
            # From the resamples' own mean: a calibration error grows by the noise of resampling.
            of_groups = self._stretch * (of_groups - of_groups.mean())
            in_common = _share_in_common(resampled) * of_groups
            # Both signs of what seeds add, so that a difference and its negative have one interval.
            both = _ends(np.concatenate([in_common + seeds, in_common - seeds]))
            alone = _ends(of_groups)  # the groups' part is no less, even if seeds agree by chance
            low, high = np.fmin(both[0], alone[0]), np.fmax(both[1], alone[1])
        each = tuple(per_seed.tolist())
        return Estimate(mean, mean + float(low), mean + float(high), std, each)

    def estimate(self, runs: Sequence[RunResult], metric: Metric) -> Estimate:
        """Returns the mean over seeds, with its interval, within its bounds.

        Raises:
          InputError: a figure is beyond them.
        """
        per_seed, resampled = self._resampled(runs, metric)
        _check_bounds(per_seed, metric)
        return _within(self._estimate(per_seed, resampled), metric.bounds)

    def estimate_of(
        self, per_pair: Sequence[float], metric: Metric, *, shared: bool = False
    ) -> Estimate:
        """Returns the mean of one number of each pair; its interval is over seeds.

        Args:
          per_pair: the numbers.
          metric: that they are of.
          shared: whether one run is in every pair.

        Raises:
          InputError: a number is beyond the metric's bounds.
        """
        _check_bounds(per_pair, metric)
        return _within(self._estimate(np.asarray(per_pair), None, shared=shared), metric.bounds)

    def difference(
        self,
        runs: Sequence[RunResult],
        reference: Sequence[RunResult],
        metric: Metric,
        *,
        shared: bool = False,
    ) -> Estimate:
        """Returns the mean of `runs` minus `reference`, paired by seed and group.

        Args:
          runs: of a row.
          reference: the run that each is compared with.
          metric: of which the difference is.
          shared: whether one run is in every pair.
        """
        ours, ours_resampled = self._resampled(runs, metric)
        theirs, theirs_resampled = self._resampled(reference, metric)
        resampled = None
        if ours_resampled is not None and theirs_resampled is not None:
            resampled = ours_resampled - theirs_resampled
        found = self._estimate(ours - theirs, resampled, shared=shared)
        return _within(found, metric.bounds_of_difference)


def _check_bounds(per_seed: Sequence[float] | np.ndarray, metric: Metric) -> None:
    """Refuses a table's own metric that is printed in per cent, and has figures beyond that.

    Raises:
      InputError: names the metric and the remedy.
    """
    if METRICS.get(metric.name) is metric:
        return
    low, high = metric.bounds
    outside = [value for value in per_seed if value < low - _ROUNDING or value > high + _ROUNDING]
    if outside:
        raise InputError(
            f"metrics: '{metric.name}' has the figure {outside[0]:.4g}, and is printed in per cent "
            f"of {low:g} to {high:g}; give the metric per_cent=False"
            + (", or sign='+' for a difference of shares" if metric.is_share else "")
        )


def _within(found: Estimate, bounds: tuple[float, float]) -> Estimate:
    """Returns an estimate whose interval ends where no figure can be beyond."""
    low, high = np.clip((found.low, found.high), *bounds).tolist()
    return dataclasses.replace(found, low=low, high=high)


def compare(
    rows: Mapping[str, Mapping[int, RunResult]],
    references: Mapping[str, str],
    metrics: Sequence[Metric],
    shared: Container[str] = (),
    same_networks: Container[str] = (),
) -> dict[str, dict[str, tuple[Estimate, Estimate]]]:
    """Compares every row with its reference.

    Where two rows differ in their number of seeds, the difference is over those that both have. A
    shared run is compared with every seed.

    Args:
      rows: the runs of each row by the table's seed, all of the same test groups.
      references: the row that each row is compared with.
      metrics: that all runs were read for.
      shared: rows of a single run, which all seeds share.
      same_networks: rows whose videos the network answers that answers their reference's. Where it
        is a single run, its chance is on both sides of every pair, and not on one alone.

    Returns:
      {row: {metric: (figure, difference from the row's reference)}}.
    """
    every = [run for runs in rows.values() for run in runs.values()]
    num_groups = max((len(run.groups) for run in every), default=0)
    bootstrap = functools.cache(lambda num_seeds: Bootstrap(num_seeds, num_groups))
    compared: dict[str, dict[str, tuple[Estimate, Estimate]]] = {}
    for row, runs in rows.items():
        pairs = [*paired(row, references[row], rows, shared).values()]
        of_one_run = (row in shared) != (references[row] in shared)
        in_every_pair = of_one_run and row not in same_networks
        ours, theirs = [run for run, _ in pairs], [reference for _, reference in pairs]
        compared[row] = {}
        for metric in metrics:
            of_pairs = bootstrap(len(pairs))
            if metric.of_pair is not None:
                with naming_metric(metric):
                    each = [metric.of_pair(o.curve, t.curve) for o, t in pairs]
                found = of_pairs.estimate_of(each, metric, shared=in_every_pair)
                compared[row][metric.name] = (found, found)
                continue
            compared[row][metric.name] = (
                bootstrap(len(runs)).estimate([*runs.values()], metric),
                of_pairs.difference(ours, theirs, metric, shared=in_every_pair),
            )
    return compared
