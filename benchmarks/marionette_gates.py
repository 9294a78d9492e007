"""Judges Marionette by its gates, from finished runs of configs/tables/marionette_gates.py.

`python -m benchmarks.marionette_gates --out=DIR [--seeds=1]` prints one JSON line per gate.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from vidkd_jax.tables import load_table
from vidkd_jax.tables.statistics import read_predictions
from vidkd_jax.tables.table import arms


def accuracy(folder: Path) -> float:
    """Returns Video@1."""
    probabilities, labels, _ = read_predictions(folder).by_video()
    return float((probabilities.argmax(axis=1) == labels).mean())


def pair_accuracies(folder: Path) -> list[float]:
    """Returns, for each pair of a class and its time reversal, which of the two is scored higher.

    Classes 2i and 2i+1 are a pair; 0.5 is chance.
    """
    probabilities, labels, _ = read_predictions(folder).by_video()
    results = []
    for first in range(0, probabilities.shape[1] - 1, 2):
        rows = np.isin(labels, (first, first + 1))
        second_wins = probabilities[rows, first + 1] > probabilities[rows, first]
        results.append(float((second_wins == (labels[rows] == first + 1)).mean()))
    return results


def gates(folders: dict[str, list[Path]]) -> dict[str, tuple[object, bool]]:
    """Returns {gate: (measured, passed)}; figures are means over seeds."""
    mean = {name: float(np.mean([accuracy(f) for f in runs])) for name, runs in folders.items()}
    pairs = {
        name: np.mean([pair_accuracies(f) for f in folders[name]], axis=0).round(3).tolist()
        for name in ("8 frames", "one frame, repeated")
    }
    chance = 1 / (2 * len(pairs["8 frames"]))
    video, still = mean["8 frames"], mean["one frame, repeated"]
    return {
        "8 frames beat one by 10 points": (video - still, video - still >= 0.10),
        "each pair at least 75 % with 8 frames": (
            pairs["8 frames"],
            min(pairs["8 frames"]) >= 0.75,
        ),
        "each pair 45-55 % with one frame": (
            pairs["one frame, repeated"],
            all(0.45 <= p <= 0.55 for p in pairs["one frame, repeated"]),
        ),
        "background only is near chance": (
            mean["background only"],
            mean["background only"] <= 1.5 * chance,
        ),
        "one blurred frame is near chance": (
            mean["one blurred frame"],
            mean["one blurred frame"] <= 1.5 * chance,
        ),
        "supervised ends at 40-75 %": (video, 0.40 <= video <= 0.75),
        "a wider network gains": (mean["twice as wide"] - video, mean["twice as wide"] > video),
        "more videos gain": (
            mean["a third more videos"] - video,
            mean["a third more videos"] > video,
        ),
    }


def main(argv: list[str] | None = None) -> None:
    """Prints the gates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the table's --out")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args(argv)
    table = load_table("marionette_gates")
    folders = {
        row.name: [arm.folder(arguments.out) for arm in arms(row, "marionette", arguments.seeds)]
        for row in table.rows
    }
    for gate, (measured, passed) in gates(folders).items():
        print(json.dumps({"gate": gate, "measured": measured, "passed": passed}))


if __name__ == "__main__":
    main()
