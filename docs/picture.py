"""Draws docs/picture.png, the picture of the README, from finished runs.

    make demo
    mkdir -p runs/tables && tar -C runs/tables -xJf docs/results/runs.tar.xz
    python docs/picture.py

Left: two test videos of the demo, the second the first's action in reverse, and what the demo's
student says of them. Right: how often the networks of Table 3 are right where they say how sure
they are, over all seeds; below the diagonal a network is surer than it is right.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vidkd_jax import video

DEMO, VIDEOS = Path("runs/demo"), Path("data/demo/videos/videos")
SHOWN = ("SitDown/v_SitDown_g04_c01.avi", "StandUp/v_StandUp_g04_c01.mp4")
FRAMES = [4, 14, 18, 26]
TABLE3 = Path("runs/tables/runs/marionette_third")
ROWS = {
    "no augmentation": ("supervised_r18+augment.enabled=False", "#dc2626"),
    "augmentation": ("supervised_r18", "#64748b"),
    "augmentation + TY": ("ty_r18", "#2563eb"),
}


def main() -> None:
    """Draws the picture."""
    figure = Figure(figsize=(10, 3.1), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(4.4, 1.4, 3.2))
    for line, answer in enumerate(_predictions()):
        strip, bars = (figure.add_subplot(grid[line, column]) for column in (0, 1))
        frames = video.read_frames(VIDEOS / SHOWN[line], FRAMES, short_side=112)
        strip.imshow(np.concatenate([*frames], axis=1))
        strip.set_title(f"a test video of '{SHOWN[line].split('/')[0]}'", fontsize=9, loc="left")
        strip.axis("off")
        classes = answer["classes"][::-1]
        names = [each["name"] for each in classes]
        bars.barh(names, [each["probability"] for each in classes], color="#2563eb")
        bars.set_title("the student's answer", fontsize=9, loc="left")
        _style(bars)
        bars.set_xticks((0, 0.5, 1))
        bars.tick_params(length=0)
    _draw_reliability(figure.add_subplot(grid[:, 2]))
    figure.savefig("docs/picture.png", dpi=130)


def _predictions() -> list[dict]:
    command = [sys.executable, "-m", "vidkd_jax.predict", f"--run={DEMO}", "--json"]
    said = subprocess.check_output([*command, *(VIDEOS / name for name in SHOWN)], text=True)
    return [json.loads(line) for line in said.splitlines()]


def _draw_reliability(panel) -> None:  # noqa: ANN001 (Matplotlib's axes)
    panel.plot((0, 1), (0, 1), "--", color="#94a3b8", linewidth=1)
    for name, (row, colour) in ROWS.items():
        files = sorted((TABLE3 / row).glob("seed?/evaluation.json"))
        bins = [json.loads(path.read_text())["clip_reliability"] for path in files]
        count, confidence, accuracy = (
            np.array([run[key] for run in bins], float)
            for key in ("count", "confidence", "accuracy")
        )
        total = count.sum(axis=0)
        shown = total >= 30  # of fewer clips a fraction says little
        mean = [
            np.nansum(count * each, axis=0)[shown] / total[shown] for each in (confidence, accuracy)
        ]
        panel.plot(*mean, "o-", color=colour, markersize=3, linewidth=1.5, label=name)
    panel.set_ylim(0, 1)
    panel.set_xlabel("how sure the network is of a clip", fontsize=8)
    panel.set_ylabel("how often it is right", fontsize=8)
    panel.set_title("Table 3: calibration over five seeds", fontsize=9, loc="left")
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.legend(fontsize=8, frameon=False, loc="lower right")
    _style(panel)


def _style(panel) -> None:  # noqa: ANN001 (Matplotlib's axes)
    panel.set_xlim(0, 1)
    panel.xaxis.set_major_formatter(PercentFormatter(1))
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
