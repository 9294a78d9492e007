"""Metrics of a run's validation curve: when it got how far.

A fork's curve is NaN for the epochs of its trunk: epochs are counted from the trunk's first one.
"""

from collections.abc import Callable

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.tables.metric import Metric


def _epochs_to_converge(curve: np.ndarray) -> float:
    """Returns the first epoch, counted from 1, with at least 95 % of the best figure."""
    return float(epochs_to(curve, 0.95 * np.nanmax(curve)))


def _gaps(curve: np.ndarray) -> np.ndarray:
    """Returns how far each epoch but the run's own first is below the best one before, [e]."""
    own = curve[~np.isnan(curve)]
    return np.maximum.accumulate(own)[:-1] - own[1:]


def _worse_epochs(curve: np.ndarray) -> float:
    """Returns the share of the epochs after the first that are below the best one before."""
    gaps = _gaps(curve)
    return float((gaps > 0).mean()) if len(gaps) else 0.0


def _below_best(curve: np.ndarray) -> float:
    """Returns how far these epochs are below the best one before, on average; 0 without any."""
    gaps = _gaps(curve)
    return float(gaps[gaps > 0].mean()) if (gaps > 0).any() else 0.0


def _stage(share: float, *, best: bool) -> Callable[[np.ndarray], float]:
    """Returns the figure after a share of the epochs: of that epoch, or the best one until then."""

    def figure(curve: np.ndarray) -> float:
        until = curve[: max(round(share * len(curve)), 1)]
        if np.isnan(until[-1]):
            raise InputError(
                f"a fork's own epochs begin after the first {share:.0%} of all, which the table "
                "shows a figure of; fork earlier, or take the metric out of the table"
            )
        return float(np.nanmax(until) if best else until[-1])

    return figure


def epochs_to(curve: np.ndarray, level: float) -> int:
    """Returns the first epoch, counted from 1, that reaches a level; one does."""
    return int(np.flatnonzero(curve >= level)[0]) + 1


def _speed_up(curve: np.ndarray, reference: np.ndarray) -> float:
    """Returns log2 of the epochs to a figure that both reach: the reference's over this run's.

    It is the better figure of the worse run. The reference's own end would be reached by it for
    certain and by the other by luck, and two equal runs would seem to differ.
    """
    level = min(np.nanmax(curve), np.nanmax(reference))
    return float(np.log2(epochs_to(reference, level) / epochs_to(curve, level)))


def _reaches(curve: np.ndarray, reference: np.ndarray) -> float:
    """Returns 1 where a run reaches the reference's last figure in any epoch, else 0."""
    return float(np.nanmax(curve) >= reference[-1])


def _above(curve: np.ndarray, reference: np.ndarray) -> float:
    """Returns the share of the epochs, of those that both have, in which a run is above another."""
    both = min(len(curve), len(reference))
    known = ~np.isnan(curve[:both] - reference[:both])
    return float((curve[:both] > reference[:both])[known].mean())


# PCL+KD 2024, section 3.5.3: epochs 0 to 50, 50 to 150, 150 to 200.
_STAGES = {"early": 0.25, "mid": 0.75, "late": 1.0}
OF_STAGES = (
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
            f"{name}, last epoch",
            of_curve=_stage(share, best=False),
            note="Last epoch: the figure at a stage's end itself." if name == "late" else "",
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
        note="Speed-up: log2 of how much sooner, in epochs, a run reaches the best figure that "
        "both it and the run that it is compared with reach (+1: in half of the epochs).",
    ),
    Metric(
        "reaches",
        "reaches the other's end",
        of_pair=_reaches,
        note="Reaches the other's end: share of the runs that get as far, in any epoch, as the run "
        "that they are compared with is in its last one.",
    ),
    Metric(
        "above",
        "epochs above",
        of_pair=_above,
        note="Epochs above: share of the epochs in which a run is above the one that it is "
        "compared with in the same epoch; of two that are alike, half.",
    ),
)
OF_CURVES = (
    Metric(
        "validation",
        "validation",
        of_curve=_stage(1.0, best=True),
        note="Validation: the best epoch's figure, of the videos that choose it; choose a weight "
        "by it, not by the test.",
    ),
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
