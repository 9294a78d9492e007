"""The picture of mistakes that all rows of a table make (TY, Figure 4)."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax.data import open_records
from vidkd_jax.errors import InputError
from vidkd_jax.run import inputs
from vidkd_jax.run.saved import saved_network
from vidkd_jax.tables.run_files import read_predictions, read_settings, readable
from vidkd_jax.tables.shown import Shown

_VIDEOS = 4  # how many TY's Figure 4 shows
_CLASSES = 5  # how many classes of each video are shown, the most probable ones


def misclassified(shown: Shown) -> Figure:
    """Draws the videos that the first seed of every row gets wrong, those of most sureness first.

    Raises:
      InputError: no seed of all rows is finished; there is no such video; what a run left is
        damaged; or the records are gone, or others than the runs'.
    """
    runs = _runs_by_seed(shown)
    if not runs:
        raise InputError("figure of mistakes: the rows have no finished seed in common")
    by_seed = [{row: _videos(folder) for row, folder in folders.items()} for folders in runs]
    read = by_seed[0]
    names, labels, _ = next(iter(read.values()))
    all_rows, wrong = _mistakes_of_all(read)
    sureness = np.where(wrong, all_rows.max(axis=-1).mean(axis=0), -1.0)
    surest = np.argsort(-sureness, kind="stable")[:_VIDEOS]
    chosen = surest[wrong[surest]]
    if not len(chosen):
        raise InputError(f"figure of mistakes: no video of {shown.dataset} is wrong in all rows")
    run = next(iter(runs[0].values()))
    strips = _frames(run, shown.data_root, [names[v] for v in chosen])
    with readable(run):
        class_names = json.loads((run / "evaluation.json").read_text())["class_names"]
    titles = {
        name: f"{name} ({mean:.0%} sure of such mistakes)"
        for name, mean in zip(read, _sureness(by_seed), strict=True)
    }
    size = len(chosen)
    figure = Figure(figsize=(3.2 * size, 2.0 + 1.8 * len(read)), layout="constrained")
    axes = figure.subplots(1 + len(read), size, squeeze=False)
    for column, row in enumerate(chosen):
        axes[0, column].imshow(strips[column])
        axes[0, column].set_title(f"{class_names[labels[row]]}\n{names[row]}", fontsize=8)
        axes[0, column].axis("off")
        for line, (name, (_, _, probabilities)) in enumerate(read.items(), start=1):
            _draw_classes(axes[line, column], probabilities[row], int(labels[row]), class_names)
            axes[line, column].set_title(titles[name], fontsize=7)
    return figure


def _runs_by_seed(shown: Shown) -> list[dict[str, Path]]:
    """Returns each row's run, for each seed that all rows have; a row of one run has it for all."""
    finished, single = shown.by_seed(), shown.table.shared_rows()
    several = [{*folders} for row, folders in finished.items() if row not in single]
    return [
        {
            row: next(iter(folders.values())) if row in single else folders[seed]
            for row, folders in finished.items()
        }
        for seed in sorted(set.intersection(*several) if several else [0])
    ]


def _draw_classes(
    axes: Axes, probabilities: np.ndarray, label: int, class_names: Sequence[str]
) -> None:
    """Draws the most probable classes of one video, from its probabilities [k]; the label green."""
    top = np.argsort(-probabilities)[:_CLASSES][::-1]
    colours = ["#16a34a" if k == label else "#2563eb" for k in top]
    axes.barh([class_names[k] for k in top], probabilities[top], color=colours)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(labelsize=7)


_Videos = tuple[list[str], np.ndarray, np.ndarray]  # as `_videos` returns


def _mistakes_of_all(read: Mapping[str, _Videos]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the probabilities [rows, v, k], and whether all rows get a video wrong [v]."""
    all_rows = np.stack([probabilities for _, _, probabilities in read.values()])
    _, labels, _ = next(iter(read.values()))
    return all_rows, (all_rows.argmax(axis=-1) != labels).all(axis=0)


def _sureness(by_seed: Sequence[Mapping[str, _Videos]]) -> np.ndarray:
    """Returns each row's mean confidence [rows] in what all rows of the same seed get wrong."""
    mistakes = []
    for read in by_seed:
        all_rows, wrong = _mistakes_of_all(read)
        mistakes.append(all_rows.max(axis=-1)[:, wrong])
    return np.concatenate(mistakes, axis=1).mean(axis=1)


def _videos(folder: Path) -> _Videos:
    """Returns the names, labels [v] and probabilities [v, k] of a run's test videos."""
    saved = read_predictions(folder)
    probabilities, labels, _ = saved.by_video()
    return saved.video_names, labels, probabilities


def _frames(run: Path, root: str, names: list[str]) -> list[np.ndarray]:
    """Returns three frames of each test video, side by side.

    Args:
      run: the folder of a run that saw the videos.
      root: the records' folder; "": the one that the run had.
      names: of the videos.

    Raises:
      InputError: the records are gone, or others than the run's.
    """
    data = read_settings(run).data
    which = dataclasses.replace(
        inputs.records_of(data), root=Path(root or data.root), modality="rgb"
    )
    open_split = open_records(which)
    test, seen = open_split("test"), saved_network(run).get("records", "")
    by_name = {video.id: video for video in test.videos}
    are_others = data.modality == "rgb" and seen not in ("", which.identity())
    if are_others or not {*names} <= {*by_name}:
        raise InputError(
            f"the records of '{data.name}' in '{which.root}' are others than the runs saw, "
            "whose frames are to be shown; name theirs with --config.data.root"
        )
    strips = []
    for name in names:
        video = by_name[name]
        numbers = np.linspace(0, video.num_frames - 1, 3).round().astype(int)
        strips.append(np.concatenate([*test.frames(video.index, numbers)], axis=1))
    return strips
