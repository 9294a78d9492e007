"""The pictures of tables: validation by epoch, and how sure each row is where it is wrong."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation import metrics
from vidkd_jax.report import figures
from vidkd_jax.tables.arms import finished_arms
from vidkd_jax.tables.guidance_pictures import features_by_class, guidance_weights
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import METRICS
from vidkd_jax.tables.mistakes_picture import misclassified
from vidkd_jax.tables.run_files import read_curve, read_predictions
from vidkd_jax.tables.selected import accuracies
from vidkd_jax.tables.shown import Shown
from vidkd_jax.tables.table import Table

_CURVE_LABELS = {"clip_top1": "top-1 accuracy of validation clips"}


def accuracy_by_epoch(shown: Shown) -> Figure:
    """Draws the metric that `Table.curve` names, on validation, of every row by epoch.

    Where rows are compared with several others, each of these has a panel of its own.
    """
    metric = _curve_metric(shown.table)
    curves = {
        name: [read_curve(folder, metric.name)[1] for folder in folders]
        for name, folders in shown.runs().items()
    }
    label = _CURVE_LABELS.get(metric.name, f"{metric.heading} on validation")
    together: dict[str, list[str]] = {}
    for row in shown.table.rows:
        together.setdefault(row.against or shown.table.reference, []).append(row.name)
    panels = [*together.values()] if len(together) > 1 else []
    return figures.curves_with_range(curves, label, per_cent=metric.per_cent, panels=panels)


def accuracy_by_clips(shown: Shown) -> Figure:
    """Draws Video@1 of every row by the number of clips that the teacher sees.

    Raises:
      InputError: no row chooses clips.
    """
    rows = {row.name: row for row in shown.table.rows if row.selection}
    if not rows:
        raise InputError("accuracy_by_clips: no row has a selection")
    ks = sorted({k for row in rows.values() if row.selection for k in row.selection.all_ks()})
    curves = {}
    for name, row in rows.items():
        arms = finished_arms(row, shown.dataset, shown.outs, shown.seeds)
        runs = [accuracies(arm, shown, ks) for arm in arms]
        curves[name] = [*np.concatenate(runs)]
    return figures.curves_with_range(
        curves, "Video@1", places=ks, below="clips that the teacher sees, K", from_zero=False
    )


def _curve_metric(table: Table) -> Metric:
    """Returns what the table's curve is of: one of its own metrics, one of all, or just a name."""
    own = {metric.name: metric for metric in table.shown_metrics()}
    plain = Metric(table.curve, table.curve, per_cent=False)
    return own.get(table.curve) or METRICS.get(table.curve, plain)


def reliability(shown: Shown) -> Figure:
    """Draws how often each row is right by how sure it is, of the test clips of all seeds."""
    rows = {}
    for name, folders in shown.runs().items():
        read = [read_predictions(folder) for folder in folders]
        bins = metrics.reliability_bins(
            np.concatenate([saved.predictions.clip_probabilities() for saved in read]),
            np.concatenate([saved.predictions.labels for saved in read]),
            num_bins=read[0].bins,
        )
        rows[name] = bins.as_dict()
    return figures.reliability_curves(rows)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that a table may name.

    Attributes:
      draw: draws it of finished runs. Raises InputError where they have nothing to draw.
      caption: what stands below it.
    """

    draw: Callable[[Shown], Figure]
    caption: str


PICTURES: Mapping[str, Picture] = {
    "accuracy_by_epoch": Picture(
        accuracy_by_epoch,
        "A validation metric of every row by epoch: the mean over seeds, and their range. A run "
        "that stopped early keeps its last value.",
    ),
    "accuracy_by_clips": Picture(
        accuracy_by_clips,
        "Video@1 of every row by the number of clips that the teacher sees: mean and range. The "
        "range is over seeds, and over the passes of a selector that draws. A row with one K, such "
        "as all clips, is a level line.",
    ),
    "misclassified": Picture(
        misclassified,
        "Videos that the first seed of every row gets wrong, those first that all are surest "
        "about. Three frames of each, and the five most probable classes by row. In a row's title: "
        "how sure it is, on average over seeds, of what all rows of the seed get wrong.",
    ),
    "reliability": Picture(
        reliability,
        "How often each row is right where it says how sure it is: test clips of all seeds "
        "together. Below the diagonal it is surer than it is right.",
    ),
    "guidance_weights": Picture(
        guidance_weights,
        "The mean weight of each teacher by epoch: mean and range over seeds.",
    ),
    "features_by_class": Picture(
        features_by_class,
        "t-SNE of the test videos' features in each row, first seed, ten classes. Every row has a "
        "map of its own: what counts is how far classes lie apart.",
    ),
}
