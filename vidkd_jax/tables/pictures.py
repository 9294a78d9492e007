"""The pictures of tables: accuracy by epoch, and how sure each row is where it is wrong."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax import metrics, tracking
from vidkd_jax.data import modalities
from vidkd_jax.errors import InputError
from vidkd_jax.report import figures
from vidkd_jax.tables.statistics import read_predictions
from vidkd_jax.tables.table import Table, finished_arms

_VIDEOS = 4  # as TY's Figure 4 shows
_CLASSES = 5  # the most probable ones


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a picture is of.

    Attributes:
      table: whose rows it shows.
      dataset: on which they ran.
      out: where the runs are.
      seeds: of each row, at most.
      data_root: where the records are; "": where they were for the reference's first run.
    """

    table: Table
    dataset: str
    out: Path
    seeds: int
    data_root: str = ""

    def runs(self) -> dict[str, list[Path]]:
        """Returns the folders of each row's finished runs."""
        return {
            row.name: [
                arm.folder(self.out)
                for arm in finished_arms(row, self.dataset, self.out, self.seeds)
            ]
            for row in self.table.rows
        }


def accuracy_by_epoch(shown: Shown) -> Figure:
    """Validation accuracy of every row by epoch: the mean over seeds, and their range.

    A run that stopped early keeps its last accuracy.
    """
    curves = {}
    for name, folders in shown.runs().items():
        runs = [_validation(folder) for folder in folders]
        length = max(len(run) for run in runs)
        curves[name] = np.stack([np.pad(r, (0, length - len(r)), "edge") for r in runs])
    return figures.curves_with_range(curves, "top-1 accuracy of validation clips")


def _validation(folder: Path) -> np.ndarray:
    records = tracking.read_records(folder / "metrics.jsonl")
    return np.array([r["clip_top1"] for r in records if r["split"] == "val"])


def misclassified(shown: Shown) -> Figure:
    """Videos that the first seed of every row gets wrong, those first that all are surest about.

    Three frames of each, and the five most probable classes by row. In a row's title: how sure it
    is on average where it is wrong, over all videos and seeds.
    """
    runs = shown.runs()
    read = {name: _videos(folders[0]) for name, folders in runs.items()}
    names, labels, _ = next(iter(read.values()))
    all_rows = np.stack([probabilities for _, _, probabilities in read.values()])
    wrong = (all_rows.argmax(axis=-1) != labels).all(axis=0)
    sureness = np.where(wrong, all_rows.max(axis=-1).mean(axis=0), -1.0)
    surest = np.argsort(-sureness, kind="stable")[:_VIDEOS]
    chosen = surest[wrong[surest]]
    if not len(chosen):
        raise InputError(f"figure of mistakes: no video of {shown.dataset} is wrong in all rows")
    first = runs[shown.table.reference][0]
    data = json.loads((first / "config.json").read_text())["data"]
    strips = _frames({**data, "root": shown.data_root or data["root"]}, [names[v] for v in chosen])
    class_names = json.loads((first / "evaluation.json").read_text())["class_names"]
    titles = {
        name: f"{name} ({_sureness_of_mistakes(folders):.0%} sure of its mistakes)"
        for name, folders in runs.items()
    }
    size = len(chosen)
    figure = Figure(figsize=(3.2 * size, 2.0 + 1.8 * len(read)), layout="constrained")
    axes = figure.subplots(1 + len(read), size, squeeze=False)
    for column, row in enumerate(chosen):
        axes[0, column].imshow(strips[column])
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
            panel.set_title(titles[name], fontsize=7)
    return figure


def _sureness_of_mistakes(folders: Sequence[Path]) -> float:
    """Returns the mean confidence in the predictions that are wrong; 0 where none is."""
    mistakes = [
        probabilities.max(axis=1)[probabilities.argmax(axis=1) != labels]
        for _, labels, probabilities in map(_videos, folders)
    ]
    together = np.concatenate(mistakes)
    return float(together.mean()) if len(together) else 0.0


def reliability(shown: Shown) -> Figure:
    """How often each row is right where it says how sure it is: test clips of all seeds together.

    Below the diagonal it is surer than it is right.
    """
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


def _videos(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Returns the names, labels [v] and probabilities [v, k] of a run's test videos."""
    saved = read_predictions(folder)
    probabilities, labels, _ = saved.by_video()
    return saved.video_names, labels, probabilities


def _frames(data: Mapping[str, object], names: list[str]) -> list[np.ndarray]:
    """Returns three frames of each video, side by side; `data` is a config's."""
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
        strips.append(np.concatenate([*test.frames(video.index, numbers)], axis=1))
    return strips


Picture = Callable[[Shown], Figure]
PICTURES: Mapping[str, Picture] = {
    "accuracy_by_epoch": accuracy_by_epoch,
    "misclassified": misclassified,
    "reliability": reliability,
}
