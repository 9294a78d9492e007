"""The pictures of tables: accuracy by epoch, and how sure each row is where it is wrong."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax import metrics, tracking
from vidkd_jax.data import modalities
from vidkd_jax.errors import InputError
from vidkd_jax.report import figures
from vidkd_jax.tables.statistics import read_predictions
from vidkd_jax.tables.table import Arm, Table, arms, row_arm

_VIDEOS = 4  # as TY's Figure 4 shows
_CLASSES = 5  # the most probable ones


def accuracy_by_epoch(table: Table, dataset: str, out: Path, seeds: int) -> Figure:
    """Validation accuracy of every row by epoch: mean and range over seeds (TY, Figure 3)."""
    curves = {}
    for row in table.rows:
        runs = [_validation(arm, out) for arm in arms(row, dataset, seeds)]
        length = min(len(run) for run in runs)  # early stopping may end one sooner
        curves[row.name] = np.stack([run[:length] for run in runs])
    return figures.curves_with_range(curves, "top-1 accuracy of validation clips")


def _validation(arm: Arm, out: Path) -> np.ndarray:
    records = tracking.read_records(arm.folder(out) / "metrics.jsonl")
    return np.array([r["clip_top1"] for r in records if r["split"] == "val"])


def misclassified(table: Table, dataset: str, out: Path, seeds: int) -> Figure:
    """Videos that the reference gets wrong most surely, beside each row (TY, Figure 4).

    Top-5 probabilities of the first seed's runs, with three frames of each video.
    """
    del seeds
    runs = {row.name: row_arm(row, dataset, 0) for row in table.rows}
    read = {name: _videos(arm, out) for name, arm in runs.items()}
    names, labels, reference = read[table.reference]
    confidence = reference.max(axis=1)
    confidence[reference.argmax(axis=1) == labels] = -1.0
    surest = np.argsort(-confidence, kind="stable")[:_VIDEOS]
    chosen = surest[confidence[surest] >= 0]
    if not len(chosen):
        raise InputError(f"figure of mistakes: '{table.reference}' makes none on {dataset}")
    config = json.loads((runs[table.reference].folder(out) / "config.json").read_text())
    shown = _frames(config, [names[row] for row in chosen])
    evaluation = (runs[table.reference].folder(out) / "evaluation.json").read_text()
    class_names = json.loads(evaluation)["class_names"]
    size = len(chosen)
    figure = Figure(figsize=(3.2 * size, 2.0 + 1.8 * len(read)), layout="constrained")
    axes = figure.subplots(1 + len(read), size, squeeze=False)
    for column, row in enumerate(chosen):
        axes[0, column].imshow(shown[column])
        axes[0, column].set_title(f"{class_names[labels[row]]}\n{names[row]}", fontsize=8)
        axes[0, column].axis("off")
        for line, (name, (_, _, probabilities)) in enumerate(read.items(), start=1):
            top = np.argsort(-probabilities[row])[:_CLASSES][::-1]
            colours = ["#16a34a" if k == labels[row] else "#2563eb" for k in top]
            panel = axes[line, column]
            panel.barh([class_names[k] for k in top], probabilities[row][top], color=colours)
            panel.set_xlim(0, 1)
            panel.xaxis.set_major_formatter(PercentFormatter(1))
            panel.tick_params(labelsize=7)
            panel.set_title(name, fontsize=8)
    return figure


def reliability(table: Table, dataset: str, out: Path, seeds: int) -> Figure:
    """How often each row is right where it says how sure it is: videos of all seeds together."""
    bins = {}
    for row in table.rows:
        read = [_videos(arm, out) for arm in arms(row, dataset, seeds)]
        probabilities = np.concatenate([probabilities for _, _, probabilities in read])
        labels = np.concatenate([labels for _, labels, _ in read])
        bins[row.name] = metrics.reliability_bins(probabilities, labels, num_bins=10)
    return figures.reliability_curves({name: b.as_dict() for name, b in bins.items()})


def _videos(arm: Arm, out: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Returns the names, labels [v] and probabilities [v, k] of a run's test videos."""
    saved = read_predictions(arm.folder(out))
    probabilities, labels, _ = saved.by_video()
    return saved.video_names, labels, probabilities


def _frames(config: Mapping[str, Mapping[str, object]], names: list[str]) -> list[np.ndarray]:
    """Returns three frames of each video, side by side."""
    data = config["data"]
    test = modalities.open_records(
        Path(str(data["root"])),
        str(data["name"]),
        split=int(str(data["split"])),
        short_side=int(str(data["short_side"])),
        modality="rgb",
    )("test")
    by_name = {video.id: video for video in test.videos}
    strips = []
    for name in names:
        video = by_name[name]
        numbers = np.linspace(0, video.num_frames - 1, 3).round().astype(int)
        strips.append(np.concatenate(test.frames(video.index, numbers), axis=1))
    return strips


Picture = Callable[[Table, str, Path, int], Figure]
PICTURES: Mapping[str, Picture] = {
    "accuracy_by_epoch": accuracy_by_epoch,
    "misclassified": misclassified,
    "reliability": reliability,
}
