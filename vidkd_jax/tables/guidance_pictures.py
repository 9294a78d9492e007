"""The pictures of DTG-Net: how much each teacher counts, and how features lie by class."""

import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.errors import InputError
from vidkd_jax.report import figures
from vidkd_jax.report.curves import by_epoch
from vidkd_jax.report.figures.axes import in_legend
from vidkd_jax.run.saved import saved_network
from vidkd_jax.run.tracking import read_records
from vidkd_jax.tables.row import TEACHERS, Row
from vidkd_jax.tables.run_files import readable
from vidkd_jax.tables.shown import Shown

_WEIGHT = "weight"  # of the training metrics weight0, weight1, ...
_CLASSES = 10  # that are shown, as in DTG-Net's Figure 4


def guidance_weights(shown: Shown) -> Figure:
    """Draws the mean weight of each teacher by epoch (DTG-Net, Figure 3).

    Raises:
      InputError: no row has several teachers whose weights were measured.
    """
    curves = {}
    every = {
        row.name: row.overrides_in(row.dataset_in(shown.dataset)).get(TEACHERS, ())
        for row in shown.table.rows
    }
    taught = {row: teachers for row, teachers in every.items() if len(teachers) > 1}
    for row, teachers in taught.items():
        runs = [
            by_epoch(read_records(folder / "metrics.jsonl"), "train")
            for folder in shown.runs()[row]
        ]
        for number, teacher in enumerate(teachers):
            called = teacher.name if isinstance(teacher, Row) else teacher
            name = f"{row}: {called}" if len(taught) > 1 else called
            if all(f"{_WEIGHT}{number}" in run for run in runs):
                curves[name] = [np.array(run[f"{_WEIGHT}{number}"][1]) for run in runs]
    if not curves:
        raise InputError("guidance_weights: no row has several teachers and their weights")
    return figures.curves_with_range(curves, "mean weight of the teacher", per_cent=False)


def features_by_class(shown: Shown) -> Figure:
    """Draws t-SNE maps of the test videos' features, a map a row (DTG-Net, Figure 4).

    Raises:
      InputError: a run's features.npz is missing or damaged.
    """
    from sklearn.manifold import TSNE  # a second to import: only where asked for

    runs = shown.runs()
    figure = Figure(figsize=(4.5 * len(runs), 4.5), layout="constrained")
    for axes, (name, folders) in zip(
        figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True
    ):
        with readable(folders[0]), np.load(folders[0] / "features.npz") as arrays:
            features, labels = arrays["features"], arrays["labels"]
        known = labels < _CLASSES
        perplexity = min(30.0, (known.sum() - 1) / 3)
        places = TSNE(random_state=0, perplexity=perplexity).fit_transform(features[known])
        names = saved_network(folders[0]).get("class_names") or range(_CLASSES)
        for label in np.unique(labels[known]):
            # Markers take turns: of classes that lie one upon the other both are seen.
            own, marker = places[labels[known] == label], "ox"[label % 2]
            axes.scatter(*own.T, s=8, alpha=0.6, marker=marker, label=in_legend(str(names[label])))
        axes.set(title=name, xticks=[], yticks=[])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", title="class")
    return figure
