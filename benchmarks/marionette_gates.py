"""Checks whether Marionette is a meaningful benchmark, from runs of table marionette_gates.

`python -m benchmarks.marionette_gates --out=DIR [--seeds=1]` prints one line of JSON per gate, for
the gates whose runs are finished. The exit status is 0 if all these gates are passed, 1 if one is
missed, and 2 if the main row is not finished.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError, RunError
from vidkd_jax.runtime.command import run_command
from vidkd_jax.tables import load_table
from vidkd_jax.tables.arms import arms
from vidkd_jax.tables.run_files import read_predictions

VIDEO, STILL = "8 frames", "one frame, repeated"
THIRD = "a third of the videos"  # the baseline of ty_table3


def accuracy(folder: Path) -> float:
    """Returns the Video@1 of a run."""
    probabilities, labels, _ = read_predictions(folder).by_video()
    return float((probabilities.argmax(axis=1) == labels).mean())


def pair_accuracies(folder: Path) -> list[float]:
    """Returns, for each pair of a class and its time reversal, the accuracy between the two.

    Classes 2i and 2i+1 are a pair. Of the two classes, the one with the higher score counts as the
    prediction, so 0.5 is chance.
    """
    probabilities, labels, _ = read_predictions(folder).by_video()
    results = []
    for first in range(0, probabilities.shape[1] - 1, 2):
        rows = np.isin(labels, (first, first + 1))
        second_wins = probabilities[rows, first + 1] > probabilities[rows, first]
        results.append(float((second_wins == (labels[rows] == first + 1)).mean()))
    return results


def gates(folders: dict[str, list[Path]]) -> dict[str, tuple[object, bool]]:
    """Returns {gate: (measured, passed)} for the gates whose rows are given; means over seeds."""
    mean = {name: float(np.mean([accuracy(f) for f in runs])) for name, runs in folders.items()}
    pairs = {
        name: np.mean([pair_accuracies(f) for f in runs], axis=0).round(3).tolist()
        for name, runs in folders.items()
    }
    judged: dict[str, tuple[object, bool]] = {}
    video, chance = mean[VIDEO], 1 / (2 * len(pairs[VIDEO]))
    judged["supervised ends at 40-75 %"] = (video, 0.40 <= video <= 0.75)
    judged["each pair at least 75 % with 8 frames"] = (pairs[VIDEO], min(pairs[VIDEO]) >= 0.75)
    if STILL in mean:
        gain, found = video - mean[STILL], pairs[STILL]
        judged["8 frames beat one by 10 points"] = (gain, gain >= 0.10)
        judged["each pair 45-55 % with one frame"] = (
            found,
            0.45 <= min(found) <= max(found) <= 0.55,
        )
    for name in [name for name in ("background only", "one blurred frame") if name in mean]:
        judged[f"{name} is near chance"] = (mean[name], mean[name] <= 1.5 * chance)
    if "twice as wide" in mean:
        gain = mean["twice as wide"] - video
        judged["a wider network gains"] = (gain, gain > 0)
    if THIRD in mean:
        gain = video - mean[THIRD]
        judged["more videos gain"] = (gain, gain > 0)
    return judged


def main(argv: list[str] | None = None) -> None:
    """Prints the gates; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the table's --out")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args(argv)
    folders: dict[str, list[Path]] = {}
    rows = load_table("marionette_gates").rows
    wanted = {row.name: arms(row, "marionette", arguments.seeds, arguments.out) for row in rows}
    wanted[THIRD] = arms(rows[0], "marionette_third", arguments.seeds, arguments.out)
    for name, runs in wanted.items():
        if all(run.is_finished() for run in runs):
            folders[name] = [run.folder for run in runs]
        else:
            print(f"not finished: {name}", file=sys.stderr)
    if VIDEO not in folders:
        raise InputError(
            f"--out={arguments.out}: the row '{VIDEO}' is not finished; run `python -m "
            f"vidkd_jax.tables --table=marionette_gates --out={arguments.out} "
            f"--seeds={arguments.seeds}`"
        )
    judged = gates(folders)
    for gate, (measured, passed) in judged.items():
        print(json.dumps({"gate": gate, "measured": measured, "passed": passed}))
    if missed := [gate for gate, (_, passed) in judged.items() if not passed]:
        raise RunError(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    run_command(main)
