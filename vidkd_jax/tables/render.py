"""A table in Markdown and CSV."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax.tables.statistics import Estimate
from vidkd_jax.tables.table import Row, Table

Comparison = Mapping[str, Mapping[str, tuple[Estimate, Estimate]]]
_HEADINGS = {
    "clip_top1": "Clip@1",
    "video_top1": "Video@1",
    "clip_ece": "ECE clip",
    "video_ece": "ECE video",
}


def minutes(folders: Sequence[Path]) -> float:
    """Returns the mean training time of finished runs, in minutes."""
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
    return float(np.mean([summary["train_seconds"] for summary in summaries])) / 60


def markdown(
    table: Table,
    rows: Sequence[Row],
    comparison: Comparison,
    times: Mapping[str, float],
    seeds: int,
) -> str:
    """Returns the table: figures with 95 % intervals, differences, the paper's own figures."""
    lines = [
        f"### {table.title}",
        "",
        "| row | "
        + " | ".join(_HEADINGS.values())
        + f" | Video@1 - {table.reference} | minutes | paper Clip@1 | paper Video@1 |",
        "|" + "---|" * (len(_HEADINGS) + 5),
    ]
    for row in rows:
        figures = comparison[row.name]
        cells = [_cell(figures[metric][0]) for metric in _HEADINGS]
        change = "" if row.name == table.reference else _cell(figures["video_top1"][1], sign="+")
        paper = [
            f"{row.paper[m]:.1f}" if m in row.paper else "" for m in ("clip_top1", "video_top1")
        ]
        lines.append(
            f"| {' | '.join([row.name, *cells, change, f'{times[row.name]:.1f}', *paper])} |"
        )
    lines += ["", f"Per cent; mean of {seeds} seeds [95 % interval over seeds and test groups]."]
    if table.note:
        lines.append(table.note)
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate, sign: str = "") -> str:
    low, mean, high = (100 * value for value in (estimate.low, estimate.mean, estimate.high))
    return f"{mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def write_csv(path: Path, comparison: Comparison) -> None:
    """Writes one line per row and metric."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        statistics = ("mean", "low", "high", "std_over_seeds")
        differences = ("difference", "difference_low", "difference_high")
        writer.writerow(["row", "metric", *statistics, *differences])
        for row, figures in comparison.items():
            for metric, (figure, change) in figures.items():
                values = (figure.mean, figure.low, figure.high, figure.std)
                writer.writerow([row, metric, *values, change.mean, change.low, change.high])
