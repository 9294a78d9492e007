"""The metrics that a table can show: how each is read from a finished run, named and printed."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.evaluation.metrics import confidence_bins, top_k_correct

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
        metric.
      of_pair: from this curve of a run and that of the run which it is compared with, of the same
        seed, to the metric.
      sign: "+" to print the sign of positive figures, too.
      per_cent: whether the figure is a fraction, which is printed in per cent.
      decimals: that are printed of a figure which is no fraction.
      note: a sentence that says what the figure is, printed below the table.
      in_papers: whether the paper's column of this metric is shown even where it is empty.
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

    def text(self, figure: float, sign: str = "") -> str:
        """Returns a figure of this metric as a table prints it: 12.3 per cent, or 1.234."""
        return f"{100 * figure:{sign}.1f}" if self.per_cent else f"{figure:{sign}.{self.decimals}f}"

    def paper_text(self, figure: float) -> str:
        """Returns a figure that a row's `paper` gives: where `per_cent`, in per cent already."""
        return f"{figure:.{1 if self.per_cent else self.decimals}f}"


def _correct(k: int) -> Terms:
    """Returns terms [n] that are 1 where the label is among the k most probable classes."""

    def terms(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
        return top_k_correct(probabilities, labels, k).astype(float)

    return terms


def _log_loss(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns -log p(label) [n]; a probability of 0 counts as the least normal float64."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(own, np.finfo(np.float64).tiny))


def _gaps(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns correct minus confidence [n, bins], in the bin of the confidence; 0 in others."""
    confidence = probabilities.max(axis=1)
    gaps = np.zeros((len(labels), bins))
    correct = _correct(1)(probabilities, labels, bins)
    gaps[np.arange(len(labels)), confidence_bins(confidence, bins)] = correct - confidence
    return gaps


def _distance(sums: np.ndarray) -> np.ndarray:
    """From sums of gaps [r, bins] to the expected calibration error, times the items."""
    return np.abs(sums).sum(axis=1)


def _overconfidence(sums: np.ndarray) -> np.ndarray:
    """From sums of gaps [r, bins] to mean confidence minus accuracy, times the items."""
    return -sums.sum(axis=1)


def _of(level: str) -> list[Metric]:
    """Returns the metrics of clips or of videos."""
    sure = "Overconfidence: mean confidence minus accuracy."
    nats = "NLL: negative log-likelihood of the label, in nats."
    head = level.capitalize()
    return [
        Metric(f"{level}_top1", f"{head}@1", PerItem(level, _correct(1)), in_papers=True),
        Metric(f"{level}_top5", f"{head}@5", PerItem(level, _correct(5))),
        Metric(
            f"{level}_nll", f"NLL {level}", PerItem(level, _log_loss), per_cent=False, note=nats
        ),
        Metric(f"{level}_ece", f"ECE {level}", PerItem(level, _gaps, _distance)),
        Metric(
            f"{level}_overconfidence",
            f"overconfidence {level}",
            PerItem(level, _gaps, _overconfidence),
            sign="+",
            note=sure,
        ),
    ]


def _motion(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns 1 where the pair of classes with the largest sum holds the label [n]."""
    _check_pairs(probabilities)
    pairs = probabilities.reshape(len(labels), -1, 2).sum(axis=2)
    return (pairs.argmax(axis=1) == labels // 2).astype(float)


def _direction(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """Returns 1 where the label is more probable than its twin, the same motion reversed [n]."""
    _check_pairs(probabilities)
    rows = np.arange(len(labels))
    return (probabilities[rows, labels] > probabilities[rows, labels ^ 1]).astype(float)


def _check_pairs(probabilities: np.ndarray) -> None:
    if probabilities.shape[1] % 2:
        raise InputError(
            f"metrics: motion and direction are of pairs of classes, here are "
            f"{probabilities.shape[1]}; leave them out of the table"
        )


def _of_pairs(level: str) -> list[Metric]:
    """Returns those of data sets whose classes 2 k and 2 k + 1 are each other reversed in time."""
    who = "linear probe, " if level == "probe" else ""
    return [
        Metric(
            f"{level}_motion",
            f"{who}motion",
            PerItem(level, _motion),
            note="Motion: the pair of classes, whatever the direction.",
        ),
        Metric(
            f"{level}_direction",
            f"{who}direction",
            PerItem(level, _direction),
            note="Direction: the class against its reversed twin, chance 50.",
        ),
    ]


def _epochs_to_converge(curve: np.ndarray) -> float:
    """Returns the first epoch, counted from 1, with at least 95 % of the best figure."""
    return float(np.flatnonzero(curve >= 0.95 * curve.max())[0] + 1)


def _worse_epochs(curve: np.ndarray) -> float:
    """Returns the share of the epochs after the first that are below the best one before."""
    best = np.maximum.accumulate(curve)
    return float((curve[1:] < best[:-1]).mean()) if len(curve) > 1 else 0.0


def _below_best(curve: np.ndarray) -> float:
    """Returns how far these epochs are below the best one before, on average; 0 without any."""
    gaps = np.maximum.accumulate(curve)[:-1] - curve[1:]
    return float(gaps[gaps > 0].mean()) if (gaps > 0).any() else 0.0


def _stage(share: float, *, best: bool) -> Callable[[np.ndarray], float]:
    """Returns the figure after a share of the epochs: of that epoch, or the best one until then."""

    def figure(curve: np.ndarray) -> float:
        until = curve[: max(round(share * len(curve)), 1)]
        return float(until.max() if best else until[-1])

    return figure


def epochs_to(curve: np.ndarray, level: float) -> int:
    """Returns the first epoch, counted from 1, that reaches a level; without any, one more."""
    reached = np.flatnonzero(curve >= level)
    return int(reached[0]) + 1 if len(reached) else len(curve) + 1


def _speed_up(curve: np.ndarray, reference: np.ndarray) -> float:
    """Returns log2 of the epochs to the reference's last figure: its own over this run's."""
    level = reference[-1]
    return float(np.log2(epochs_to(reference, level) / epochs_to(curve, level)))


# PCL+KD 2024, section 3.5.3: epochs 0 to 50, 50 to 150, 150 to 200.
_STAGES = {"early": 0.25, "mid": 0.75, "late": 1.0}
_OF_STAGES = (
    *(
        Metric(
            f"{name}_stage",
            name,
            of_curve=_stage(share, best=True),
            note=f"{name.capitalize()}: the best validation figure in the first {share:.0%} of the "
            "epochs."
            if share < 1
            else "Late: the best one of all epochs.",
        )
        for name, share in _STAGES.items()
    ),
    *(
        Metric(
            f"{name}_epoch",
            f"{name}, then",
            of_curve=_stage(share, best=False),
            note="Then: the figure of that epoch itself." if name == "late" else "",
        )
        for name, share in _STAGES.items()
    ),
    Metric(
        "speed_up",
        "speed-up",
        of_pair=_speed_up,
        sign="+",
        per_cent=False,
        decimals=2,
        note="Speed-up: log2 of how much sooner, in epochs, a run reaches the last figure of the "
        "run that it is compared with (+1: in half of the epochs). One that never does counts as "
        "if it did after one more epoch.",
    ),
)
_OF_CURVES = (
    Metric(
        "epochs_to_converge",
        "epochs to 95 %",
        of_curve=_epochs_to_converge,
        per_cent=False,
        decimals=1,
        note="Epochs to 95 %: until validation is at 95 % of the run's best figure.",
    ),
    Metric(
        "worse_epochs",
        "worse epochs",
        of_curve=_worse_epochs,
        note="Worse epochs: share of the epochs below the run's best one before.",
    ),
    Metric("below_best", "by", of_curve=_below_best, note="By: how far they are below it."),
)
# Of networks that have learnt without labels, and of what was learnt.
_WITHOUT_LABELS = (
    Metric(
        "pretext_top1",
        "pretext",
        note="Pretext: of the transforms of test clips, the share told right; no actions.",
    ),
    Metric("pretext_nll", "NLL pretext", per_cent=False),
    Metric(
        "probe_top1",
        "linear probe@1",
        PerItem("probe", _correct(1)),
        note="Linear probe: Video@1 of a logistic regression on the frozen features.",
    ),
    Metric("probe_top5", "linear probe@5", PerItem("probe", _correct(5))),
    *_of_pairs("probe"),
    Metric(
        "retrieval_top1",
        "retrieval@1",
        note="Retrieval@k: one of the k nearest training videos, by cosine, has the action.",
    ),
    *(Metric(f"retrieval_top{k}", f"@{k}") for k in (5, 10, 20, 50)),
)
# Of rows with a selection.
_OF_SELECTIONS = (
    Metric(
        "clips",
        "clips",
        per_cent=False,
        decimals=1,
        note="Clips: how many of a video the teacher sees, on average.",
    ),
    Metric("clip_share", "of all", note="Of all: their share of the clips there are."),
    Metric(
        "stop_at",
        "stops at",
        per_cent=False,
        decimals=2,
        note="Stops at: the probability of the most probable class at which the teacher sees no "
        "further clip.",
    ),
    Metric(
        "network_ms",
        "network ms",
        per_cent=False,
        decimals=1,
        note="Network ms: of sampler and teacher for one video, in full batches on the machine "
        "that made this table, without decoding.",
    ),
)
METRICS = {
    metric.name: metric
    for metric in (
        *_of("clip"),
        *_of("video"),
        *_of_pairs("video"),
        *_OF_CURVES,
        *_OF_STAGES,
        *_WITHOUT_LABELS,
        *_OF_SELECTIONS,
    )
}
SHOWN = ("clip_top1", "video_top1", "clip_ece", "video_ece", "clip_overconfidence")
_IN_EVERY_CSV = (*SHOWN, "video_overconfidence")


def lookup(metrics: Iterable[str | Metric]) -> tuple[Metric, ...]:
    """Returns the metrics that a table names: by name in `METRICS`, or its own.

    Raises:
      InputError: no metric has that name, or two of the table's have one name.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise InputError(f"metrics: no metric '{metric}'{suggest(metric, METRICS)}")
            metric = METRICS[metric]
        if metric.name in found:
            raise InputError(f"metrics: '{metric.name}' stands there twice; leave one out")
        found[metric.name] = metric
    return tuple(found.values())


def in_csv(shown: Sequence[Metric]) -> tuple[Metric, ...]:
    """Returns the metrics of table.csv: those that table.md shows, and some that every csv has.

    Where no metric is read from predictions, which runs need not have then, they are those shown.
    """
    names = [metric.name for metric in shown]
    every = _IN_EVERY_CSV if any(metric.reader for metric in shown) else ()
    own = {metric.name: metric for metric in shown}
    return tuple(own.get(n) or METRICS[n] for n in dict.fromkeys((*every, *names)))
