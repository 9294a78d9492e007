"""A figure of a table's rows: how it is read from a finished run, named and printed."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

Terms = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
Combine = Callable[[np.ndarray], np.ndarray]


def _unchanged(sums: np.ndarray) -> np.ndarray:
    return sums


@dataclasses.dataclass(frozen=True)
class PerItem:
    """Reads a metric from a run's test predictions, so that test groups can be resampled.

    Of any set of items the metric is `combine(sum of terms) / number of items`: terms are summed by
    group once, and a resample of groups only weighs these sums.

    Attributes:
      level: the items: "clip" or "video"; or "probe": the videos, as the linear probe answers them.
      terms: from probabilities [n, k], labels [n] and the number of confidence bins, which is the
        run's `eval.calibration_bins`, to the terms, [n] or [n, m].
      combine: from sums of terms [r] or [r, m] to [r]; by default the sums [r] themselves, which
        makes the metric the mean of its terms.
    """

    level: str
    terms: Terms
    combine: Combine = _unchanged

    def checked_terms(self, probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
        """Returns the terms of n items.

        Raises:
          ValueError: they are not of each item.
        """
        terms = np.asarray(self.terms(probabilities, labels, bins))
        if terms.shape[:1] != labels.shape or terms.ndim > (1 if self.is_mean else 2):
            raise ValueError(
                f"terms of shape {terms.shape} of {len(labels)} items: must be [n], or [n, m] with "
                "a `combine`"
            )
        return terms

    @property
    def is_mean(self) -> bool:
        """Whether the metric is the mean of its terms."""
        return self.combine is _unchanged


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure of a table's rows.

    Attributes:
      name: as in table.csv and seeds.csv, and in a row's `paper`.
      heading: of its column in table.md.
      reader: how it is read from predictions.npz, or of the probe's from linear_probe.npz; None: it
        is one number of a run, which has no test groups: its interval is over seeds alone. It is
        `of_curve`'s or `of_pair`'s, or where both are None the number that summary.json has under
        `name`.
      of_curve: from the validation figure that chose the run's best epoch, by epoch, [e], to the
        metric. Of a fork it is NaN for its trunk's epochs.
      of_pair: from this curve of a run and that of the run which it is compared with, of the same
        seed, to the metric.
      sign: "+" to print the sign of positive figures, too.
      per_cent: whether the figure is a fraction, which is printed in per cent.
      decimals: that are printed of a figure which is no fraction.
      note: a sentence that says what the figure is, printed below the table.
      in_papers: whether the paper's column of this metric is shown even where it is empty.
      optional: whether a run may be without this number of its summary, as one of an older version:
        it is NaN then, and its cell is empty.
    """

    name: str
    heading: str
    reader: PerItem | None = None
    of_curve: Callable[[np.ndarray], float] | None = None
    of_pair: Callable[[np.ndarray, np.ndarray], float] | None = None
    sign: str = ""
    per_cent: bool = True
    decimals: int = 3
    note: str = ""
    in_papers: bool = False
    optional: bool = False

    @property
    def is_share(self) -> bool:
        """Whether the figure lies between 0 and 1, as no figure that may be negative does."""
        return self.per_cent and not self.sign

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which figures lie."""
        if not self.per_cent:
            return -math.inf, math.inf
        return (0.0, 1.0) if self.is_share else (-1.0, 1.0)

    @property
    def bounds_of_difference(self) -> tuple[float, float]:
        """Between which differences of two figures lie; overconfidence differs by 2 at most."""
        low, high = self.bounds
        return low - high, high - low

    def text(self, figure: float, sign: str = "") -> str:
        """Returns a figure of this metric as a table prints it: 12.3 per cent, or 1.234."""
        return f"{100 * figure:{sign}.1f}" if self.per_cent else f"{figure:{sign}.{self.decimals}f}"

    def paper_text(self, figure: float) -> str:
        """Returns a figure that a row's `paper` gives: where `per_cent`, in per cent already."""
        return f"{figure:.{1 if self.per_cent else self.decimals}f}"
